"""Programs that stand in for a phone's adb and for a command that times files: scripts that the tests write."""

import json
import sys
from pathlib import Path
from typing import Any

from attrs import frozen

_SHARED = '''
def report(form, content, runs, slower=1):
    """What benchmark_model prints: timings of a real run, or such that p10 is the size of the file in microseconds, or
    so many times that."""
    if form == "run":
        from ai_edge_litert.interpreter import Interpreter
        interpreter = Interpreter(model_content=content, num_threads=1)
        interpreter.allocate_tensors()
        times = []
        for _ in range(runs):
            start = time.perf_counter_ns()
            interpreter.invoke()
            times.append((time.perf_counter_ns() - start) // 1000)
        first, times = times[0], sorted(times)
        p5, median, p95 = (times[int(runs * share)] for share in (0.05, 0.5, 0.95))
    else:
        assert content[4:8] == b"TFL3", "Failed to load model"
        times = [round(slower * (len(content) + more)) for more in (-5, 40, 130)]
        first = p5 = times[0]
        median, p95 = times[1:]
    average = sum(times) / len(times)
    spread = (sum((value - average) ** 2 for value in times) / len(times)) ** 0.5
    line = f"count={runs} first={first} curr={median} min={min(times)} max={max(times)}"
    line += f" avg={average:g} std={spread:.0f}"
    if form != "old":
        line += f" p5={p5} median={median} p95={p95}"
    if form == "same":
        line = f"count={runs} curr={len(content)}(all same)"
    prefix = "" if form == "old" else "INFO: "
    return [
        prefix + "STARTING!",
        prefix + "Running benchmark for at least 2 iterations and at least 0.5 seconds.",
        prefix + f"count=2 first=900000 curr=800000 min=800000 max=900000 avg=850000 std=50000",
        "",
        prefix + f"Running benchmark for at least {runs} iterations and at least 1 seconds.",
        prefix + line,
        "",
        prefix + f"Inference timings in us: Init: 99, First inference: {first}, Warmup (avg): 1, Inference (avg): 1",
    ]
'''

_ADB = '''
"""Answers like adb, for the phones in phone.json; what is on them lies in the folder "files"."""
home = Path(HOME)
settings = json.loads((home / "phone.json").read_text())
files = home / "files"
with (home / "calls.txt").open("a") as log:
    log.write(shlex.join(sys.argv[1:]) + "\\n")

def on_phone(path):
    assert path.startswith("/data/local/tmp/")
    return files / Path(path).name

def fail(message, code=1):
    print(message, file=sys.stderr)
    sys.exit(code)

arguments = sys.argv[1:]
if arguments == ["devices"]:
    print("* daemon not running; starting now at tcp:5037")
    print("List of devices attached")
    for serial, state in settings["phones"].items():
        print(f"{serial}\\t{state}")
    print()
    sys.exit()
assert arguments[0] == "-s"
serial, verb, *rest = arguments[1:]
if serial not in settings["phones"]:
    fail(f"adb: device '{serial}' not found")
if verb == "get-state":
    print(settings["phones"][serial])
elif verb == "push":
    source, target = rest
    shutil.copy(source, on_phone(target))
    print(f"{source}: 1 file pushed, 0 skipped. 1.0 MB/s")
else:
    assert verb == "shell"
    (line,) = rest
    words = shlex.split(line)
    if words[0] == "getprop":
        print(settings["properties"].get(words[1], ""))
    elif words[:2] == ["rm", "-f"]:
        on_phone(words[2]).unlink(missing_ok=True)
    elif words[:2] == ["test", "-x"]:
        assert words[3:5] == ["&&", "sha256sum"] and words[2] == words[5]
        if words[2] != settings["binary"]:
            sys.exit(1)
        print(f"0123456789abcdef0123  {words[2]}")
    else:
        if words[0] == "taskset":
            int(words[1], 16)
            words = words[2:]
        assert words[0] == settings["binary"], words
        flags = dict(word.removeprefix("--").split("=") for word in words[1:])
        assert flags.keys() == {"graph", "num_threads", "num_runs", "warmup_runs", "use_xnnpack"}
        content = on_phone(flags["graph"]).read_bytes()
        if settings["runs_left"] == 0:
            (home / "phone.json").write_text(json.dumps(settings | {"phones": {}}))
            sys.exit(255)
        (home / "phone.json").write_text(json.dumps(settings | {"runs_left": settings["runs_left"] - 1}))
        form = settings["form"]
        if form == "hang":
            time.sleep(60)
        if form == "failure":
            fail("ERROR: Benchmarking failed.")
        if form == "garbage":
            print("Segmentation fault soon")
        elif form == "broken off":
            print("\\n".join(report("new", content, int(flags["num_runs"]))[:4]))
        else:
            slower = settings["slower"] if settings["runs_left"] <= settings["slow_at"] else 1
            print("\\n".join(report(form, content, int(flags["num_runs"]), slower)))
'''

_BENCH = """
form = FORM
content = Path(sys.argv[1]).read_bytes()
piped = sys.stdin.buffer.read()
assert piped == content
calls = Path(HOME) / "calls.txt"
if (len(calls.read_text().splitlines()) if calls.exists() else 0) >= RUNS:
    form = "failure"
with calls.open("a") as log:
    log.write(json.dumps(sys.argv[2:]) + "\\n")
if form == "hang":
    time.sleep(60)
print("connecting ...")
if form == "failure":
    print("Connection refused", file=sys.stderr)
    sys.exit(3)
printed = form.replace("SIZE", str(len(content)))
print("\\n".join(report(form, content, 50)) if form in ("new", "old", "same", "run") else printed)
"""


@frozen(kw_only=True)
class PhoneStandIn:
    """A stand-in for adb with one phone on it, unless told otherwise.

    Attributes:
        home: a folder of its own.
    """

    home: Path

    @property
    def adb(self) -> str:
        """The program."""
        return str(self.home / "adb")

    @property
    def calls(self) -> list[str]:
        """The arguments of every call, in their order."""
        return (self.home / "calls.txt").read_text().splitlines()

    @property
    def files(self) -> list[Path]:
        """What lies on the phone."""
        return list((self.home / "files").iterdir())

    def set(self, **settings: Any) -> None:
        """Changes phones (their states by serial number), properties, binary, form (of the report), runs_left, or with
        how many of these left the phone becomes how much slower (slow_at, slower).
        """
        path = self.home / "phone.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | settings))


def write_adb(home: Path) -> PhoneStandIn:
    """Puts the program "adb" into the folder."""
    (home / "files").mkdir(parents=True)
    (home / "calls.txt").touch()
    _write_script(home / "adb", _SHARED + _ADB.replace("HOME", repr(str(home))))
    settings = {
        "phones": {"R5CT1": "device"},
        "properties": {"ro.product.model": "Test Phone 7", "ro.board.platform": "t700"},
        "binary": "/data/local/tmp/benchmark_model",
        "form": "new",
        "runs_left": 1000,
        "slow_at": 0,
        "slower": 1,
    }
    (home / "phone.json").write_text(json.dumps(settings))
    return PhoneStandIn(home=home)


def write_bench(home: Path, form: str, *, runs: int = 10**9) -> Path:
    """Puts the program "bench" into the folder, which times the file that is its first argument and its input.

    Args:
        home: the folder; the other arguments of every call go to its calls.txt.
        form: of the report (new, old, same, run), a way to fail (failure, hang), or what to print, with SIZE for the
            size of the file.
        runs: how often it does, before it always fails.
    """
    body = _BENCH
    for name, value in (("HOME", str(home)), ("FORM", form), ("RUNS", runs)):
        body = body.replace(name, repr(value))
    _write_script(home / "bench", _SHARED + body)
    return home / "bench"


def _write_script(path: Path, body: str) -> None:
    imports = "import json, shlex, shutil, sys, time\nfrom pathlib import Path\n"
    path.write_text(f"#!{sys.executable}\n{imports}{body}")
    path.chmod(0o755)
