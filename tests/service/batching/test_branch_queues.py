from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from service.batching.branch_queues import Bounds, BranchQueues
from service.batching.submission import QueuedImage, Submission
from service.batching.ticket import Ticket
from service.batching.urgency import Urgency
from tests.service.batching.engines import FEATURE_SIZE, sample_of
from vreid.modality import MODALITIES, Modality

SIZES = (1, 2, 4, 8)

modalities = st.lists(st.sampled_from(MODALITIES), min_size=1, max_size=3, unique=True)
samples = st.lists(modalities, min_size=1, max_size=4)
asked = st.tuples(samples, st.sampled_from(Urgency), st.none() | st.integers(0, 40))
bounds = st.builds(
    Bounds,
    sizes=st.just(SIZES),
    most=st.integers(1, 8),
    delay=st.just(0.0),
    lanes=st.integers(1, 3),
    ingest_turn=st.integers(2, 5),
    pads=st.booleans(),
)


def submission_of(
    wanted: Sequence[Sequence[Modality]],
    urgency: Urgency = Urgency.SEARCH,
    deadline: float | None = None,
    now: float = 0.0,
) -> Submission:
    pixels = [sample_of(number, *each) for number, each in enumerate(wanted)]
    return Submission(pixels, FEATURE_SIZE, Ticket(urgency, deadline), now)


def one_image(now: float, urgency: Urgency = Urgency.SEARCH) -> Submission:
    return submission_of([[Modality.RGB]], urgency, now=now)


def taken(queues: BranchQueues, now: float = 0.0) -> list[QueuedImage]:
    images, _ = queues.take(now)
    return images


def all_runs(queues: BranchQueues) -> list[list[QueuedImage]]:
    runs = []
    while images := taken(queues):
        runs.append(images)
    return runs


@settings(deadline=None)
@given(st.lists(asked, max_size=12), bounds)
def test_every_image_is_taken_once_or_was_too_late(
    requests: list[tuple[list[list[Modality]], Urgency, int | None]], bounds: Bounds
) -> None:
    queues = BranchQueues(MODALITIES, bounds)
    submissions = [submission_of(*request, now=i) for i, request in enumerate(requests)]
    seen: list[QueuedImage] = []
    late: list[Submission] = []
    now = 0.0
    for submission in submissions:
        queues.push(submission)
    while len(queues):
        now += 1
        images, found_late = queues.take(now)
        for image in images:
            image.submission.begun = image.submission.begun or now
        seen += images
        late += found_late
    assert len(set(seen)) == len(seen)
    assert len(set(late)) == len(late)
    expected = {image for each in submissions if each not in late for image in each.images}
    assert set(seen) == expected


@settings(deadline=None)
@given(st.lists(asked, max_size=12), bounds)
def test_a_run_is_of_one_branch_and_one_urgency_and_within_its_bounds(
    requests: list[tuple[list[list[Modality]], Urgency, int | None]], bounds: Bounds
) -> None:
    queues = BranchQueues(MODALITIES, bounds)
    for wanted, urgency, _ in requests:
        queues.push(submission_of(wanted, urgency))
    for images in all_runs(queues):
        assert len({image.modality for image in images}) == 1
        assert len({image.submission.ticket.urgency for image in images}) == 1
        assert len(images) <= bounds.most
        assert bounds.pads or len(images) in SIZES


@settings(deadline=None)
@given(st.lists(asked, max_size=12), bounds)
def test_within_a_branch_and_an_urgency_the_order_is_that_of_coming(
    requests: list[tuple[list[list[Modality]], Urgency, int | None]], bounds: Bounds
) -> None:
    queues = BranchQueues(MODALITIES, bounds)
    for number, (wanted, urgency, _) in enumerate(requests):
        queues.push(submission_of(wanted, urgency, now=number))
    order = [image for images in all_runs(queues) for image in images]
    for modality in MODALITIES:
        for urgency in Urgency:
            coming = [
                (image.submission.submitted, image.row)
                for image in order
                if image.modality is modality and image.submission.ticket.urgency is urgency
            ]
            assert coming == sorted(coming)


@settings(deadline=None)
@given(bounds, st.integers(1, 40), st.integers(1, 40))
def test_ingest_waits_for_searches_and_yet_has_its_turn(
    bounds: Bounds, searches: int, ingested: int
) -> None:
    queues = BranchQueues(MODALITIES, bounds)
    for number in range(ingested):
        queues.push(one_image(number, Urgency.INGEST))
    for number in range(searches):
        queues.push(one_image(100 + number))
    urgencies = [images[0].submission.ticket.urgency for images in all_runs(queues)]
    last_search = max(i for i, each in enumerate(urgencies) if each is Urgency.SEARCH)
    contended = urgencies[: last_search + 1]
    turns = [i + 1 for i, each in enumerate(contended) if each is Urgency.INGEST]
    # Every turn-th run and no other is for ingest, as long as it has anything.
    due = [i for i in range(1, len(contended) + 1) if i % bounds.ingest_turn == 0]
    assert turns == due[: len(turns)]
    if len(turns) < len(due):
        assert urgencies.count(Urgency.INGEST) == len(turns)


def test_the_branch_whose_first_image_is_the_oldest_goes_first() -> None:
    queues = BranchQueues(MODALITIES, Bounds(SIZES, 8))
    queues.push(submission_of([[Modality.TIR]], now=1))
    queues.push(submission_of([[Modality.RGB, Modality.TIR]], now=2))
    assert [images[0].modality for images in all_runs(queues)] == [Modality.TIR, Modality.RGB]


def test_lanes_share_what_waits() -> None:
    queues = BranchQueues(MODALITIES, Bounds(SIZES, 8, lanes=2))
    for number in range(8):
        queues.push(one_image(number))
    assert [len(images) for images in all_runs(queues)] == [4, 2, 1, 1]


def test_what_is_too_late_takes_all_its_images_along() -> None:
    queues = BranchQueues(MODALITIES, Bounds(SIZES, 1))
    late = submission_of([MODALITIES], deadline=5.0)
    in_time = submission_of([[Modality.NIR]], deadline=50.0)
    queues.push(late)
    queues.push(in_time)
    images, found = queues.take(now=6.0)
    assert (images, found) == ([], [late])
    assert taken(queues, 6.0) == in_time.images
    assert len(queues) == 0


def test_what_has_begun_is_never_too_late() -> None:
    queues = BranchQueues(MODALITIES, Bounds(SIZES, 1))
    submission = submission_of([MODALITIES], deadline=5.0)
    queues.push(submission)
    for _ in MODALITIES:
        images, late = queues.take(now=4.0 if submission.begun is None else 6.0)
        submission.begun = 4.0
        assert len(images) == 1
        assert late == []


def test_what_is_removed_is_not_taken() -> None:
    queues = BranchQueues(MODALITIES, Bounds(SIZES, 8))
    gone, staying = one_image(1), one_image(2)
    queues.push(gone)
    queues.push(staying)
    queues.remove(gone)
    assert taken(queues) == staying.images


def test_an_image_waits_its_delay_for_others_unless_the_run_is_full() -> None:
    queues = BranchQueues(MODALITIES, Bounds(SIZES, 2, delay=0.5))
    assert queues.due(now=0.0) is None
    queues.push(one_image(now=1.0))
    assert queues.due(now=1.25) == 0.25
    assert taken(queues, 1.25) == []
    assert queues.due(now=1.5) == 0.0
    queues.push(one_image(now=1.25))
    assert queues.due(now=1.25) == 0.0
    assert len(taken(queues, 1.25)) == 2


def test_waiting_counts_what_goes_before() -> None:
    queues = BranchQueues(MODALITIES, Bounds(SIZES, 8))
    queues.push(one_image(0))
    queues.push(one_image(0, Urgency.INGEST))
    assert queues.waiting(Modality.RGB, Urgency.SEARCH) == 1
    assert queues.waiting(Modality.RGB, Urgency.INGEST) == 2
    assert queues.waiting(Modality.TIR, Urgency.INGEST) == 0
