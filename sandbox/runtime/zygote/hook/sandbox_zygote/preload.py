"""Importing what the record names, module by module, and stopping at the first one that can't be shared by a fork."""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import typing

UNSAFE = {"grpc", "torch", "tensorflow", "jax", "jaxlib", "cupy", "cuda", "pycuda", "ray", "pyspark", "jpype", "mpi4py"}
UNSAFE |= {"gevent", "eventlet", "ddtrace", "newrelic", "debugpy", "pydevd", "uwsgi", "pkg_resources", "antigravity"}
"""Known to hold threads, devices or patches that a fork breaks, or to remember `sys.path` as it is on import."""

EVERYTHING = "*"
"""The name under which a doubt concerns the interpreter itself."""

FOLDERS = ("site-packages", "dist-packages")


class Doubt(Exception):
    """`module` must be left out, because."""

    def __init__(self, module: "str", why: "str") -> "None":
        super().__init__(why)
        self.module = module
        self.why = why


class Preload:
    """`read` are the variables that imports looked at, `missed` the modules they asked for in vain."""

    def __init__(self, record: "str", *, guessed: "bool" = False) -> "None":
        """`guessed`: the record may name what is not there, or the user's own modules, which are left alone."""
        self.base = frozenset(name.partition(".")[0] for name in sys.modules)
        self.read: set[str] = set()
        self.missed: set[str] = set()
        self.customized = False
        self.environment = _variables()
        self.signature: dict[str, object] = {}
        self._names, self._left_out = _read(record)
        self._guessed = guessed
        self._roots = (os.path.dirname(os.__file__), *(e for e in sys.path if e.endswith(FOLDERS)))  # noqa: PTH120

    def run(self) -> "None":
        """Doubt for the first module that does what would show."""
        plain = type(os.environ)
        os.environ.__class__ = _watched(plain, self.read)
        finder = Misses(self.missed)
        sys.meta_path.append(finder)
        try:
            with Quiet() as quiet:
                self._import_all(quiet)
        finally:
            sys.meta_path.remove(finder)
            os.environ.__class__ = plain
        self.missed.discard("sitecustomize")
        self.signature = _signature(self._roots)

    @property
    def names(self) -> "set[str]":
        """Top-level names that are taken now and would not be in a cold start."""
        return {name.partition(".")[0] for name in sys.modules} - self.base

    def changed(self) -> "str | None":
        """A file that is not what was imported."""
        return next((path for path, found in self.signature.items() if _stat(path) != found), None)

    def _import_all(self, quiet: "Quiet") -> "None":
        if _tasks() != 1:
            raise Doubt(EVERYTHING, "the interpreter starts with threads")
        self._step("sitecustomize", quiet, self._customize)
        for name in self._names:
            if (
                name not in sys.modules
                and not self._is_left_out(name)
                and not (self._guessed and self._is_not_there(name))
            ):
                self._step(name, quiet, __import__)

    def _customize(self, name: "str") -> "None":
        try:
            __import__(name)
            self.customized = True
        except ImportError as error:
            if error.name != name:
                raise

    def _step(self, name: "str", quiet: "Quiet", act: "typing.Callable[[str], object]") -> "None":
        blamed = EVERYTHING if name == "sitecustomize" else name
        before, known = State(), set(sys.modules)
        try:
            act(name)
        except BaseException as error:
            raise Doubt(blamed, f"it can't be imported alone: {type(error).__name__}") from None
        why = before.difference() or quiet.heard() or self._misbehaved(set(sys.modules) - known)
        if why:
            raise Doubt(blamed, why)

    def _misbehaved(self, fresh: "set[str]") -> "str | None":
        if EVERYTHING in self.read:
            return "it reads the whole environment"
        for name in sorted(self.read):
            if name in ("HOST", "PORT") or name.startswith("PORT_"):
                return f"it reads {name}, which every instance has its own of"
        for name in sorted(fresh):
            if name.partition(".")[0] in UNSAFE or name in self._left_out:
                return f"it imports {name}"
            file = getattr(sys.modules[name], "__file__", None)
            if file and not file.startswith(self._roots):
                return f"it imports {name} from outside the environment"
        return None

    def _is_not_there(self, name: "str") -> "bool":
        """Whether no library has a file for the module."""
        import _imp

        endings = ("", ".py", *_imp.extension_suffixes())
        places = [os.path.join(root, *name.split(".")) for root in self._places()]  # noqa: PTH118
        return name not in sys.builtin_module_names and not any(
            os.path.exists(place + ending)  # noqa: PTH110
            for place in places
            for ending in endings
        )

    def _places(self) -> "tuple[str, ...]":
        return (*self._roots, os.path.join(self._roots[0], "lib-dynload"))  # noqa: PTH118

    def _is_left_out(self, name: "str") -> "bool":
        parts = name.split(".")
        parents = {".".join(parts[: end + 1]) for end in range(len(parts))}
        return parts[0] in UNSAFE or not parents.isdisjoint(self._left_out)


class State:
    """What an import must leave alone, because a fork or a later start would show it."""

    def __init__(self) -> "None":
        self.parts = {
            "starts a thread": _tasks(),
            "leaves a file or socket open": frozenset(os.listdir("/proc/self/fd")),  # noqa: PTH208
            "changes the environment": _variables(),
            "changes the folder": os.getcwd(),  # noqa: PTH109
            "starts a process": _children(),
        }

    def difference(self) -> "str | None":
        now = State().parts
        return next((f"it {what}" for what, before in self.parts.items() if now[what] != before), None)


class Quiet:
    """Keeps what imports print, which a cold start would have printed for every instance."""

    def __enter__(self) -> "Quiet":
        self._kept = os.memfd_create("printed")
        self._real = [os.dup(1), os.dup(2)]
        os.dup2(self._kept, 1)
        os.dup2(self._kept, 2)
        return self

    def heard(self) -> "str | None":
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        return "it prints" if os.fstat(self._kept).st_size else None

    def __exit__(self, *_: "object") -> "None":
        for number, real in enumerate(self._real, 1):
            os.dup2(real, number)
            os.close(real)
        os.close(self._kept)


class Misses:
    """The last of the finders: hears of what nobody found, and finds nothing."""

    def __init__(self, missed: "set[str]") -> "None":
        self._missed = missed

    def find_spec(self, name: "str", path: "object" = None, target: "object" = None) -> "None":
        if path is None:
            self._missed.add(name)


def _read(record: "str") -> "tuple[list[str], set[str]]":
    with open(record, encoding="utf-8") as file:  # noqa: PTH123
        lines = file.read().splitlines()
    left_out = {line[1:].partition("\t")[0] for line in lines if line.startswith("-")}
    names = [line for line in lines if line and not line.startswith("-")]
    return sorted(names, key=_order), left_out


def _order(name: "str") -> "tuple[int, bool, str]":
    """Packages before their parts, and the public before the private: `_asyncio` ahead of `asyncio` breaks both."""
    return name.count("."), name.startswith("_"), name


def _watched(plain: "type", read: "set[str]") -> "type":
    """The class of `os.environ` with two methods that take notes. All of a mapping's others come down to these."""

    def item(self: "object", name: "str") -> "object":
        read.add(name)
        return plain.__getitem__(self, name)  # type: ignore[index]

    def names(self: "object") -> "object":
        read.add(EVERYTHING)
        return plain.__iter__(self)  # type: ignore[attr-defined]

    return type(plain.__name__, (plain,), {"__getitem__": item, "__iter__": names})


def _variables() -> "dict[bytes, bytes]":
    return dict(os.environ._data)  # type: ignore[attr-defined]


def _tasks() -> "int":
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208


def _children() -> "bool":
    try:
        os.waitpid(-1, os.WNOHANG)
        return True
    except ChildProcessError:
        return False


def _signature(roots: "tuple[str, ...]") -> "dict[str, object]":
    """What would be another file now, by path."""
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    libraries = [file for file in files if isinstance(file, str) and file.startswith(roots[1:])]
    return {path: _stat(path) for path in (sys.executable, *roots, *libraries)}


def _stat(path: "str") -> "object":
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
