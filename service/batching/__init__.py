"""Embedding images of many requests together: queues, batches, lanes and who is let in.

`urgency` and `ticket` say what a request is to the queues, `submission` holds its images and
features, `branch_queues` orders what waits, `hands` is what the lanes hold, `run` is one batch,
`batcher` ties them to threads, `costs` and `backlog` estimate how long what is ahead will take, and
`admission` refuses by it.
"""
