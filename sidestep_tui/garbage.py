"""When garbage is looked for: not while libraries load, which leave hardly any and of which most stays for ever."""

import gc


def put_off() -> None:
    """Looks for none until `collect_from_now_on`."""
    gc.disable()


def collect_from_now_on() -> None:
    """Ends such a time. What stands now stays: the collector need not go through it again and again."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
