"""What becomes of a run that is killed, whose disk fills, or whose files are damaged: counts, case by case.

Run with `uv run python tests/benchmarks/break_runs.py OUT`, for about half an hour; `--only` does a part, `--space` any
space for digits. Full disks need the right to mount a tmpfs. Every case begins with a copy of the same short demo or
with its table, and is clean if it ends in one line that refuses, or in the very nets of the demo that nothing happened
to.
"""

import hashlib
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import click
from attrs import frozen

SHORT = ["--search-warmup-epochs", "1", "--search-epochs", "1", "--train-epochs", "2"]
SHORT += ["--compare", "2", "--compare-epochs", "1", "--compare-seeds", "1"]
SMALL = ["--blocks-per-stage", "1", "--width-mult", "0.5"]
KILLS, KILLS_A_RUN = 24, 6
DISK_KB = (4, 64, 256, 1024, 1536, 2048, 3072, 4096)
ENOUGH_KB = 65536


@frozen(kw_only=True)
class Ended:
    """How a program ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def refused(self) -> bool:
        """Whether it said so in one line."""
        return self.code != 0 and self.stderr.startswith("error: ") and self.stderr.count("\n") == 1


def program(*arguments: str | Path) -> Ended:
    """The program in a process of its own, which has imported everything already."""
    # What is imported is there; what was computed is not, since nothing was: a fork of it is a fresh start.
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=([str(one) for one in arguments], sender))
    process.start()
    sender.close()
    try:
        stdout, stderr = receiver.recv()
    except EOFError:
        stdout = stderr = ""
    process.join()
    return Ended(code=process.exitcode or 0, stdout=stdout, stderr=stderr)


def _run(arguments: list[str], sender: "multiprocessing.connection.Connection") -> None:
    import tempfile

    from pnas_cifar10.cli import main

    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        code = 0
        try:
            main(arguments)
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        except BaseException:  # what a user would see as a traceback
            import traceback

            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
        sender.send(texts)
    sender.close()
    os._exit(code)


def fingerprint(run: Path) -> dict[str, str]:
    """What must be the same in the end: the net with its weights, and how good all nets are."""
    found = {
        str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted([*run.glob("networks/*/weights.safetensors"), run / "architecture.json"])
    }
    results = json.loads((run / "results.json").read_text())
    compared = {net["name"]: str(net["accuracies"]) for net in results["verdict"]["nets"]}
    return found | compared | {"shipped": str(results["nets"][0]["test_accuracy"])}


def left_over(run: Path) -> list[str]:
    """Files of dead processes."""
    return [str(path.relative_to(run)) for path in run.rglob(".*") if path.suffix == ".tmp" or "bundle" in path.name]


@frozen(kw_only=True)
class Demo:
    """A short demo, and where it is kept.

    Attributes:
        reference: the folder of one that nothing has happened to.
        cache: of all.
        space: of digits, by its name.
    """

    reference: Path
    cache: Path
    space: str

    def begun(self, run: Path, *more: str | Path) -> list[str]:
        """The arguments of one."""
        arguments = ("demo", "--space", self.space, "--run-dir", run, "--cache-dir", self.cache, *SMALL, *SHORT, *more)
        return [str(one) for one in arguments]

    def with_table(self, run: Path) -> list[str]:
        """The arguments of one with the table of the reference."""
        return self.begun(run, "--table", self.reference / "table.json")


def kills(out: Path, demo: Demo) -> Iterator[tuple[str, str]]:
    """Kills the program at any moment, again and again, and lets it end then."""
    delays = random.Random(0)
    wanted = fingerprint(demo.reference)
    for round_ in range(KILLS // KILLS_A_RUN):
        run = out / f"killed-{round_}"
        shutil.rmtree(run, ignore_errors=True)
        command = [sys.executable, "-m", "pnas_cifar10", *demo.with_table(run)]
        for number in range(KILLS_A_RUN):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(delays.uniform(3.0, 25.0))
            process.kill()
            process.wait()
            yield f"kill {round_}.{number}", "killed" if process.returncode < 0 else "over before"
        ended = program(*command[3:]) if not (run / "results.json").exists() else Ended(code=0, stdout="", stderr="")
        if ended.code:
            yield f"run {round_} after {KILLS_A_RUN} kills", f"DIRTY: {ended.stderr[-300:]}"
        elif fingerprint(run) != wanted or left_over(run):
            yield f"run {round_} after {KILLS_A_RUN} kills", f"DIRTY: other nets, or left over: {left_over(run)}"
        else:
            yield f"run {round_} after {KILLS_A_RUN} kills", "the same nets, nothing left over"


def disks(out: Path, demo: Demo) -> Iterator[tuple[str, str]]:
    """Fills the disk of a run, makes room, and lets it go on."""
    wanted = fingerprint(demo.reference)
    for size in DISK_KB:
        disk = out / f"disk-{size}"
        disk.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(disk)], check=True)
        try:
            arguments = demo.with_table(disk / "run")
            ended = program(*arguments)
            yield f"disk of {size} kB", "refused" if ended.refused else f"DIRTY: {ended.code} {ended.stderr[-300:]}"
            subprocess.run(["mount", "-o", f"remount,size={ENOUGH_KB}k", str(disk)], check=True)
            ended = program(*arguments)
            same = ended.code == 0 and fingerprint(disk / "run") == wanted and not left_over(disk / "run")
            yield f"disk of {size} kB, then room", "the same nets" if same else f"DIRTY: {ended.stderr[-300:]}"
        finally:
            subprocess.run(["umount", str(disk)], check=True)


def _truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0x10]) + content[middle + 1 :]


def _other_version(content: bytes) -> bytes:
    return content.replace(b'"schema_version": 1', b'"schema_version": 2').replace(b'"version": 1', b'"version": 9')


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "truncated": _truncated,
    "one bit flipped": _flipped,
    "empty": lambda _: b"",
    "junk": lambda content: random.Random(0).randbytes(len(content)),
    "a list": lambda _: b"[1, 2, 3]",
    "NaN": lambda content: content.replace(b": 0.", b": NaN, ", 1) if b": 0." in content else b"NaN",
    "another version": _other_version,
}
VERBS: dict[str, tuple[str, ...]] = {
    "report": ("report",),
    "eval": ("eval",),
    "eval the shipped file": ("eval", "--file", "model.tflite"),
    "export": ("export", "--format", "onnx", "--images", "64"),
}


def corruptions(out: Path, demo: Demo) -> Iterator[tuple[str, str]]:
    """Damages each file of a run that lacks its report, in each way, and takes it away; the verbs take turns."""
    reference, verbs = demo.reference, cycle(VERBS.items())
    wanted = fingerprint(reference)
    for file in sorted(path.relative_to(reference) for path in reference.rglob("*") if path.is_file()):
        if file.suffix in (".png", ".log", ".txt") and file.name != "labels.txt":
            continue
        content = (reference / file).read_bytes()
        for kind, damage in {**DAMAGES, "gone": None}.items():
            damaged = None if damage is None else damage(content)
            if damaged == content:
                continue
            verb, (name, *more) = next(verbs)
            run = out / "damaged"
            shutil.rmtree(run, ignore_errors=True)
            shutil.copytree(reference, run)
            if file.name != "results.json" and verb == "report":
                (run / "results.json").unlink()
            if damaged is None:
                (run / file).unlink(missing_ok=True)
            else:
                (run / file).write_bytes(damaged)
            ended = program(name, run, "--cache-dir", demo.cache, *more)
            case = f"{file}, {kind}, {verb}"
            if ended.refused:
                yield case, f"refused: {ended.stderr.strip()}"
            elif ended.code:
                yield case, f"DIRTY: {ended.code} {ended.stderr.strip()[-300:]}"
            elif verb == "report" and fingerprint(run) != wanted:
                yield case, "DIRTY: other nets"
            else:
                said = " ".join(line.strip() for line in ended.stdout.splitlines() if "again" in line)
                yield case, f"as if nothing were: {said[:160]}"


PARTS = {"kills": kills, "disks": disks, "corruptions": corruptions}


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--only", "parts", multiple=True, type=click.Choice(tuple(PARTS)), default=tuple(PARTS))
@click.option("--space", default="digits", show_default=True)
def main(out: Path, parts: tuple[str, ...], space: str) -> None:
    """Prints every case and, in the end, how many ended how."""
    import pnas_apps.cli.file_commands
    import pnas_apps.cli.runs  # noqa: F401  (so that a fork need not)

    out.mkdir(parents=True, exist_ok=True)
    demo = Demo(reference=out / "reference", cache=out / "cache", space=space)
    if not (demo.reference / "results.json").exists():
        ended = program(*demo.begun(demo.reference))
        if ended.code:
            raise click.ClickException(ended.stderr)
    for part in parts:
        counts: Counter[str] = Counter()
        for case, how in PARTS[part](out, demo):
            print(f"{case}: {how}", flush=True)
            counts[how.split(":", 1)[0]] += 1
        print(f"{part}: {dict(counts)}", flush=True)


if __name__ == "__main__":
    main()
