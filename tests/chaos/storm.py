"""Members who queue, cancel and delete, and someone who kills processes meanwhile."""

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import requests

from inference.models import Conversion
from inference.states import ACTIVE, State
from tests.chaos.site import Site

PAUSE_SECONDS = (0.2, 3.0)  # between two kills
# And until a job has ended, or this long: a slow machine would only ever start processes.
NO_PROGRESS_SECONDS = 15.0
CANCELLED_SHARE = 0.12
DELETED_SHARE = 0.12


@dataclass
class Storm:
    """Members who queue, cancel and delete, and someone who kills processes meanwhile."""

    site: Site
    token: str
    videos: list[str]
    jobs: int
    dice: random.Random
    deadline: float
    asked: int = 0
    meddled: Counter[str] = field(default_factory=Counter)
    killed: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)

    def rage(self) -> None:
        """Returns when all jobs are asked for and none is left to run, or at the deadline."""
        done = threading.Event()
        killer = threading.Thread(target=self._kill_until, args=(done,))
        killer.start()
        try:
            while self.asked < self.jobs and time.monotonic() < self.deadline:
                self._ask_for_one()
                # About as many as the workers can do, so that something always runs.
                while self._waiting() > 8 and time.monotonic() < self.deadline:
                    time.sleep(0.2)
            # A few jobs are asked for before the first one ends, and so before the first kill.
            while self._active() and time.monotonic() < self.deadline:
                time.sleep(0.2)
        finally:
            done.set()
            killer.join()

    def report(self) -> None:
        """Prints what was done to the site, and what it answered."""
        for what, counts in (
            ("killed", self.killed),
            ("meddled", self.meddled),
            ("answers", self.answers),
        ):
            print(f"{what}: " + ", ".join(f"{n} {name}" for name, n in counts.most_common()))

    def _ask_for_one(self) -> None:
        slowness = self.dice.choice(("2", "3", "1.5"))
        wish = {"video": self.dice.choice(self.videos), "mode": "slow", "slowness": slowness}
        answer = self._api("POST", "conversions/", json=wish)
        if answer is None:
            time.sleep(0.3)
            return
        self.asked += 1
        fate = self.dice.random()
        if fate < CANCELLED_SHARE + DELETED_SHARE:
            later = threading.Timer(
                self.dice.uniform(0, 6), self._meddle, (answer["id"], fate < CANCELLED_SHARE)
            )
            later.daemon = True
            later.start()

    def _meddle(self, conversion: str, cancel: bool) -> None:
        path = f"conversions/{conversion}/"
        done = self._api("POST", f"{path}cancel/") if cancel else self._api("DELETE", path)
        if done is not None:
            self.meddled["cancel" if cancel else "delete"] += 1

    def _api(self, method: str, path: str, **options: object) -> dict[str, str] | None:
        """The answer's body; None where the site was away, or had good reason to refuse."""
        try:
            answer = requests.request(
                method,
                f"{self.site.url}/api/v1/{path}",
                headers={"Authorization": f"Bearer {self.token}"},
                timeout=30,
                **options,  # type: ignore[arg-type]
            )
        except requests.RequestException:
            self.answers["none"] += 1
            return None
        self.answers[str(answer.status_code)] += 1
        if not answer.ok:
            return None
        body: dict[str, str] = answer.json() if answer.content else {}
        return body

    def _waiting(self) -> int:
        return Conversion.objects.filter(state=State.QUEUED).count()

    def _active(self) -> bool:
        return Conversion.objects.filter(state__in=ACTIVE).exists()

    def _kill_until(self, done: threading.Event) -> None:
        ways = {
            "worker's child": self.site.kill_child,
            "worker": self.site.kill_worker,
            "web server": self.site.kill_web,
            "queue": self.site.kill_queue,
            "queue, losing its last writes": self.site.kill_queue_and_its_last_second,
            "supervisor": self.site.kill_supervisor,
        }
        # Whole rounds in random order, so that each is killed about as often.
        while True:
            for name in self.dice.sample(list(ways), len(ways)):
                self._wait_for_progress()
                if done.wait(self.dice.uniform(*PAUSE_SECONDS)):
                    return
                self.killed[name] += ways[name](self.dice)

    def _wait_for_progress(self) -> None:
        deadline = time.monotonic() + NO_PROGRESS_SECONDS
        before = self._ended()
        while self._ended() == before and time.monotonic() < deadline:
            time.sleep(0.1)

    def _ended(self) -> int:
        return Conversion.objects.finished().count()
