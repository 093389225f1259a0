"""Build the compiled step (src/wellfit/training/native), where there is a C++ compiler.

Everything else is in pyproject.toml. Without a compiler the installation goes on: PyTorch then
takes the steps, and ``wellfit.show_versions()`` says so.
"""

import sys
import tempfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

FOLDER = "src/wellfit/training/native"
FLAGS = [
    "-std=c++17",
    "-O2",
    "-ftree-vectorize",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-fvisibility=hidden",
    "-pthread",
    "-g0",
]
# Without it -O2 makes vectors of few loops; -O3 takes longer and gains nothing here.
GCC_ONLY = "-fvect-cost-model=dynamic"
STEP = Extension(
    "wellfit.training.native._step",
    sources=[f"{FOLDER}/step.cpp"],
    depends=[f"{FOLDER}/{name}.h" for name in ("plan", "steps", "periodic", "muon")],
    extra_compile_args=[*FLAGS, GCC_ONLY],
    extra_link_args=["-pthread"],
    language="c++",
    py_limited_api=True,
    optional=True,
)


class BuildStep(build_ext):
    """Builds the library under a name by which nobody takes it for a module of Python.

    It is opened by ctypes and knows nothing of Python: one file serves all versions.
    """

    def build_extension(self, ext: Extension) -> None:
        """Build it, without what only other compilers know: Clang has a cost model of its own."""
        if not self._takes(GCC_ONLY):
            ext.extra_compile_args.remove(GCC_ONLY)
        super().build_extension(ext)

    def _takes(self, flag: str) -> bool:
        """Return whether the compiler takes a flag."""
        with tempfile.TemporaryDirectory() as folder:
            empty = Path(folder, "empty.cpp")
            empty.touch()
            try:
                self.compiler.compile([str(empty)], folder, extra_postargs=[flag])
            except CompileError:
                return False
        return True

    def get_ext_filename(self, fullname: str) -> str:
        """Return the library's path in the package."""
        return fullname.replace(".", "/") + ".native.so"


# Microsoft's compiler has no vectors of GCC's kind.
setup(
    cmdclass={"build_ext": BuildStep},
    ext_modules=[] if sys.platform == "win32" else [STEP],
    options={} if sys.platform == "win32" else {"bdist_wheel": {"py_limited_api": "cp311"}},
)
