"""Runs a Python program with a pretended card.

    python -m tools.pretended_card CUDA_PYTHON [ARGUMENT …]

CUDA_PYTHON is the interpreter of an environment with the CUDA build of torch; what else the program needs it may find
there or, after it, in the environment that runs this.
"""

import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
SOURCES = ("memory.c", "virtual.c", "device.c", "work.c", "capture.c", "waiting.c", "driver.c", "quiet.c")
NAME = "libcuda.so.1"


def main() -> None:
    """Builds the card where it is not yet built, and becomes the program."""
    if len(sys.argv) < 2:
        sys.exit(str(__doc__))
    python = sys.argv[1]
    packages = cuda_packages(python)
    library = build(packages)
    # The other environment's torch comes before ours; what it lacks, ours has.
    path = [str(HERE / "site"), str(packages), str(HERE.parents[1]), sysconfig.get_paths()["purelib"]]
    environment = os.environ | {
        "LD_PRELOAD": str(library),
        "LD_LIBRARY_PATH": str(library.parent),
        "TRITON_LIBCUDA_PATH": str(library.parent),
        "PRETENDED_CARD": str(library),
        "PYTHONPATH": os.pathsep.join(path),
    }
    os.execve(python, sys.argv[1:], environment)


def build(packages: Path) -> Path:
    """The library, made by the C compiler with the headers that came with torch, and those of the CUDA toolkit."""
    folder = Path(tempfile.gettempdir()) / f"pretended-card-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    library = folder / NAME
    sources = [HERE / name for name in SOURCES]
    if library.exists() and all(source.stat().st_mtime < library.stat().st_mtime for source in sources):
        return library
    headers = [packages / "nvidia/cu13/include", Path("/usr/local/cuda/include")]
    flags = ["-O1", "-shared", "-fPIC", "-Wall", "-Wextra", f"-Wl,-soname,{NAME}", *(f"-I{path}" for path in headers)]
    subprocess.run(["cc", *flags, "-o", str(library), *map(str, sources), "-ldl", "-lpthread"], check=True)
    (folder / "libcuda.so").unlink(missing_ok=True)
    (folder / "libcuda.so").symlink_to(NAME)
    return library


def cuda_packages(python: str) -> Path:
    """The folder of the other environment's packages."""
    ask = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    return Path(subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True).stdout.strip())


if __name__ == "__main__":
    main()
