from service.app import application
from service.routes.direct_calls import direct_calls


def test_calls_with_images_are_answered_without_the_framework() -> None:
    assert set(direct_calls(application())) == {
        ("POST", "/search"),
        ("POST", "/embed"),
        ("POST", "/compare"),
        ("POST", "/gallery"),
    }
