"""Reports a workflow of Snakemake 9 as one run of Avalanche Monitor.

Put this folder where Python finds it ($PYTHONPATH), and start Snakemake with
    snakemake --logger avalanche --logger-avalanche-url http://127.0.0.1:9091 …
A server that is away never fails or delays the workflow by more than a few seconds.
"""

import getpass
import json
import os
import socket
import time
import urllib.request
import uuid
from dataclasses import dataclass, field
from typing import Optional

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

ANSWER_SECONDS = 3
HEARTBEAT_SECONDS = 10


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    url: Optional[str] = field(
        default=None, metadata={"help": "The pushgateway role; by default $AVALANCHE_RUNS_URL, or this machine's."}
    )
    name: Optional[str] = field(
        default=None, metadata={"help": "Name of the workflow; by default that of the folder it runs in."}
    )


class LogHandler(LogHandlerBase):
    def __post_init__(self) -> None:
        url = self.settings.url or os.environ.get("AVALANCHE_RUNS_URL") or "http://127.0.0.1:9091"
        self.address = url.rstrip("/") + "/api/v1/runs"
        self.run = {
            "run_id": str(uuid.uuid4()),
            "kind": "workflow",
            "name": self.settings.name or os.path.basename(os.getcwd()) or "snakemake",
            "host": socket.gethostname(),
            "ttl": "1d",
        }
        self.started = False
        self.done = self.total = 0
        self.failed_rules: list = []
        self.error = ""
        self.told_at = 0.0

    def emit(self, record) -> None:
        try:
            self.take(record, getattr(record, "event", None))
        except Exception:  # monitoring must not fail what it watches
            pass

    def take(self, record, event) -> None:
        if event == LogEvent.RUN_INFO and not self.common_settings.dryrun:
            self.start(record)
        elif event == LogEvent.PROGRESS:
            self.done, self.total = record.done, record.total
            if time.monotonic() - self.told_at > HEARTBEAT_SECONDS:
                self.tell("heartbeat", **self.progress())
        elif event == LogEvent.JOB_ERROR:
            self.failed_rules.append(getattr(record, "rule_name", "") or "?")
        elif event == LogEvent.ERROR:
            self.error = self.error or record.getMessage().strip().split("\n")[0]

    def start(self, record) -> None:
        if self.started:
            return
        self.started = True
        self.total = (getattr(record, "stats", None) or {}).get("total", 0)
        self.run["started_at"] = time.time()
        try:
            self.run["user"] = getpass.getuser()
        except Exception:
            pass
        self.tell("start", **self.progress())

    def close(self) -> None:
        if self.started:
            self.started = False
            self.end()
        super().close()

    def end(self) -> None:
        failed = self.failed_rules or self.error
        finished = self.done >= self.total
        outcome = "failed" if failed else "success" if finished else "cancelled"
        words = f"rule {', '.join(self.failed_rules[:5])} failed" if self.failed_rules else self.error
        report = dict(self.progress(), outcome=outcome, ended_at=time.time(), **({"error": words[:4096]} if words else {}))
        for _ in range(2):
            if self.tell("done", **report):
                return

    def progress(self) -> dict:
        progress = {"progress": min(1, self.done / self.total)} if self.total else {}
        return {"parameters": {"tasks": self.total, "tasks_completed": self.done}, **progress}

    def tell(self, event: str, **more) -> bool:
        self.told_at = time.monotonic()
        body = json.dumps({**self.run, "event": event, **more}).encode()
        request = urllib.request.Request(self.address, body, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
                return answer.status == 200
        except OSError:
            return False

    @property
    def writes_to_stream(self) -> bool:
        return False

    @property
    def writes_to_file(self) -> bool:
        return False

    @property
    def has_filter(self) -> bool:
        return True

    @property
    def has_formatter(self) -> bool:
        return True

    @property
    def needs_rulegraph(self) -> bool:
        return False
