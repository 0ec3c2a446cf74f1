"""Android phones, through adb, the debug bridge of Android's platform tools."""

import shutil

from attrs import frozen

from pnas_export.ground.programs import DeviceError, Finished, run_program

QUICK_S = 30.0
"""Seconds allowed for any request except copying or running a file."""


@frozen(kw_only=True)
class Phone:
    """A phone that adb sees.

    Attributes:
        serial: its serial number.
        adb: the program on this machine.
    """

    serial: str
    adb: str

    def __str__(self) -> str:
        return f"phone {self.serial}"

    def call(self, *arguments: str, timeout_s: float = QUICK_S) -> Finished:
        """Runs adb for this phone, whatever its exit code.

        Raises:
            DeviceError: if it does not end in time.
        """
        return run_program([self.adb, "-s", self.serial, *arguments], timeout_s=timeout_s)

    def ask(self, *arguments: str, what: str, timeout_s: float = QUICK_S) -> str:
        """The output of adb for this phone.

        Args:
            arguments: of adb.
            what: the task, for the error message.
            timeout_s: seconds after which it is aborted.

        Raises:
            DeviceError: in one line, if adb fails, the phone is gone or the time is up.
        """
        try:
            finished = self.call(*arguments, timeout_s=timeout_s)
        except DeviceError as error:
            raise DeviceError(f"{self}, asked to {what}: {error.what}", error.way_out) from None
        if finished.code == 0:
            return finished.output
        state = self.call("get-state")
        if state.code != 0 or state.output.strip() != "device":
            raise DeviceError(f"{self} is gone, asked to {what}", "connect it and run again to go on")
        raise DeviceError(f"{self}, asked to {what}, ended with code {finished.code} and printed {finished.last_line}")


def find_phone(adb: str, serial: str | None) -> Phone:
    """The phone with this serial number, or the only one that is connected.

    Raises:
        DeviceError: for no adb, no phone, more than one, and one that has not authorized this machine.
    """
    if shutil.which(adb) is None:
        raise DeviceError(f"there is no program {adb!r} here", "install adb, of Android's platform tools")
    listed = run_program([adb, "devices"], timeout_s=QUICK_S)
    if listed.code != 0:
        raise DeviceError(f"{adb} devices ended with code {listed.code} and printed {listed.last_line}")
    # "List of devices attached", then a line "serial<tab>state" each; lines of a starting server begin with "*".
    lines = [line for line in listed.output.splitlines() if "\t" in line and not line.startswith("*")]
    states = {name.strip(): state.strip() for name, _, state in (line.partition("\t") for line in lines)}
    if not states:
        raise DeviceError("adb sees no phone", "connect one and allow USB debugging in its developer options")
    if serial is None and len(states) > 1:
        raise DeviceError(f"adb sees the phones {', '.join(states)}", "give the serial number of one")
    serial = serial or next(iter(states))
    if serial not in states:
        raise DeviceError(f"adb sees no phone {serial}, only {', '.join(states)}", "give the serial number of one")
    if states[serial] == "unauthorized":
        raise DeviceError(f"phone {serial} is unauthorized", "unlock it and allow this computer on its screen")
    if states[serial] != "device":
        raise DeviceError(f"phone {serial} is {states[serial]!r}", "connect it anew")
    return Phone(serial=serial, adb=adb)
