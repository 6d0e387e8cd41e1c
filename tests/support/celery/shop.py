"""A Celery application for tests: the broker is in BROKER, and `python3 shop.py COMMANDS…` sends tasks."""
import json
import os
import sys
import time

from celery import Celery, Task
from celery.exceptions import Reject

app = Celery("shop", broker=os.environ["BROKER"])
app.conf.update(
    task_send_sent_event=True,
    worker_prefetch_multiplier=4,
    broker_connection_retry_on_startup=True,
    broker_transport_options=json.loads(os.environ.get("BROKER_OPTIONS", "{}")),
    task_routes={"shop.mail": {"queue": "mail"}},
    enable_utc=True,
)


@app.task(name="shop.add")
def add(a, b):
    return a + b


@app.task(name="shop.mail")
def mail():
    return "sent"


@app.task(name="shop.fail")
def fail():
    raise ValueError("boom")


@app.task(name="shop.retry", bind=True, max_retries=1)
def retry(self: Task):
    if self.request.retries == 0:
        raise self.retry(countdown=0)


@app.task(name="shop.reject", bind=True, acks_late=True)
def reject(self: Task):
    raise Reject("no", requeue=False)


@app.task(name="shop.slow")
def slow(seconds):
    time.sleep(seconds)


def wait_until_received(task_id):
    """A worker that hears of the revocation first throws the task away without an event of its reception."""
    while task_id not in str(app.control.inspect(limit=1).scheduled()):
        pass


def send(command):
    """`name`, `name*count`, `slow:seconds` or `revoke`, which sends a task for later and takes it back."""
    name, _, count = command.partition("*")
    for _ in range(int(count or 1)):
        if name == "revoke":
            result = add.apply_async((1, 1), countdown=4)
            wait_until_received(result.id)
            app.control.revoke(result.id)
        elif name.startswith("slow:"):
            slow.delay(float(name[5:]))
        elif name == "add":
            add.delay(1, 2)
        else:
            globals()[name].delay()


if __name__ == "__main__":
    for one in sys.argv[1:]:
        send(one)
