"""Build the compiled step (src/wellfit/training/native), where there is a C++ compiler.

Everything else is in pyproject.toml. Without a compiler the installation goes on: PyTorch then
takes the steps, and ``wellfit.show_versions()`` says so.
"""

import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

FOLDER = "src/wellfit/training/native"
FLAGS = [
    "-std=c++17",
    # Loops over numbers become vectors only under this cost model; -O3 takes longer and gains
    # nothing here.
    "-O2",
    "-ftree-vectorize",
    *(["-fvect-cost-model=dynamic"] if sys.platform == "linux" else []),
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-fvisibility=hidden",
    "-pthread",
    "-g0",
]
STEP = Extension(
    "wellfit.training.native._step",
    sources=[f"{FOLDER}/step.cpp"],
    depends=[f"{FOLDER}/{name}.h" for name in ("plan", "steps", "periodic", "muon")],
    extra_compile_args=FLAGS,
    extra_link_args=["-pthread"],
    language="c++",
    py_limited_api=True,
    optional=True,
)


class BuildStep(build_ext):
    """Builds the library under a name by which nobody takes it for a module of Python.

    It is opened by ctypes and knows nothing of Python: one file serves all versions.
    """

    def get_ext_filename(self, fullname: str) -> str:
        """Return the library's path in the package."""
        return fullname.replace(".", "/") + ".native.so"


# Microsoft's compiler has no vectors of GCC's kind.
setup(
    cmdclass={"build_ext": BuildStep},
    ext_modules=[] if sys.platform == "win32" else [STEP],
    options={} if sys.platform == "win32" else {"bdist_wheel": {"py_limited_api": "cp311"}},
)
