"""zvm in gdb: isolates, workers, heaps and the calls of programs, in a process or in its core.

In gdb: source tools/gdb_zvm.py      (an installed zvm is found by gdb itself, see docs/debugging.md)

  zvm isolates [COUNT]     the isolates of all runtimes: state, id, fuel, memory
  zvm workers              what each worker runs
  zvm bt [ISO] [COUNT]     the calls of a program, innermost first, with file:line:column
  zvm globals [ISO]        its globals
  zvm heap [ISO]           spans by class, and where its bytes are
  zvm mailbox [ISO]        the messages that wait for it, and who waits at its mailbox

ISO is an isolate's id, or <N> for what programs call <isolate N>, or an expression for its address;
without it, the isolate that the current thread runs. Values print by themselves: `print iso->stack[0]`, `print *(struct zlist *)address`.

Rules here: nothing of the process is called or changed, everything is read from its memory, so a core is
as good as a process, and a build with optimisation is as good as one without: nothing is taken from
registers but the place of an interpreter that was stopped in the middle of its loop. What is read may be
torn: each loop has a bound, each size is cut, and what makes no sense is shown as <torn: ...>.
"""
import re
import struct

import gdb

# From src/heap/heap.h, src/heap/heap_internal.h; tests/cli/gdb.sh compares sums made with them with what the
# library says.
PAGE_BYTES = 1024
SLAB_BYTES = 1 << 20
HEAD_PAGES = 32
BLOCK_BYTES = 2048
CONTROL_BYTES = 832
SLAB_BLOCKS = (SLAB_BYTES - HEAD_PAGES * PAGE_BYTES) // (CONTROL_BYTES + PAGE_BYTES)
SPAN_PAGES = [1, 2, 4, 16, 64]
FUEL_UNLIMITED = (2**63 - 1) // 4
# From src/vm/mailbox.h.
MAILBOX_NOBODY = 0
MAILBOX_ISOLATE = 1

ISOLATES_MAX = 1 << 24   # walked
ISOLATES_SHOWN = 100
WORKERS_MAX = 1024
FRAMES_MAX = 1 << 24
FRAMES_SHOWN = 100
SPANS_MAX = 1 << 20
WAITING_MAX = 1 << 20
GLOBALS_SHOWN = 200
PLACES_BYTES_MAX = 1 << 24
C_FRAMES_MAX = 200

TEXT_BYTES = 200         # of a string
ITEMS_SHOWN = 10         # of a list, a map, a record
DEPTH_MAX = 3
NODES_MAX = 100          # values in one text


class Torn(Exception):
    """What was read makes no sense."""


# What reading anything may raise.
ERRORS = (gdb.error, Torn, ValueError, OverflowError, UnicodeError, KeyError, IndexError, TypeError,
          MemoryError, struct.error)

# ---- Reading ------------------------------------------------------------------------------------

TYPES = {}


def pointer_to(name):
    if name not in TYPES:
        TYPES[name] = gdb.lookup_type(name).pointer()
    return TYPES[name]


def at(address, name):
    """The struct at an address."""
    if not 4096 <= address < 1 << 63:
        raise Torn(f"{name} at {address:#x}")
    return gdb.Value(address).cast(pointer_to(name)).dereference()


CONSTANTS = {}


def constant(name):
    if name not in CONSTANTS:
        CONSTANTS[name] = int(gdb.parse_and_eval(name))
    return CONSTANTS[name]


def read_bytes(address, count):
    if count == 0:
        return b""
    return bytes(gdb.selected_inferior().read_memory(address, count))


def text_at(address, length, limit=TEXT_BYTES):
    """Text of the process in one line; cut."""
    raw = read_bytes(address, min(length, limit))
    text = raw.decode("utf-8", "replace" if length <= limit else "ignore")
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text + ("..." if length > limit else "")


def c_string(pointer, limit=TEXT_BYTES):
    address = int(pointer)
    if address == 0:
        return "?"
    text = b""
    while len(text) < limit:
        part = read_bytes(address + len(text), 1)
        if part == b"\0":
            return text_at(address, len(text), limit)
        text += part
    return text_at(address, limit, limit) + "..."


def symbol_text(pointer):
    """The text of a struct zstring that is a symbol: a name."""
    if int(pointer) == 0:
        return "anonymous"
    return string_text(at(int(pointer), "struct zstring"))


def address_of(value):
    return int(value.address)


def as_type(value, name):
    return at(address_of(value), name)


# ---- Values -------------------------------------------------------------------------------------

def string_text(string):
    header = string["header"]
    length = int(header["aux"])
    if int(header["flags"]) & constant("ZFLAG_LONG"):
        long = as_type(string, "struct zstring_long")
        buffer = at(int(long["buffer"]), "struct zstrbuf_object")
        if length > int(buffer["owner"]["payload_bytes"]):
            raise Torn("a string beyond its buffer")
        return text_at(int(buffer["owner"]["payload"]), length)
    return text_at(address_of(string["bytes"]), length)


def place_of(proto, pc):
    """file:line:column of a word of a function, as zcode_position has it."""
    count = int(proto["line_bytes"])
    if count > PLACES_BYTES_MAX:
        raise Torn("a table of lines")
    table = read_bytes(int(proto["lines"]), count)
    fields, where, line, column, used = [0, 0, 0], 0, 0, 0, 0
    while used < count:
        for i in range(3):
            fields[i], used = varint(table, used)
        if where + fields[0] > pc:
            break
        where += fields[0]
        line += (fields[1] >> 1) ^ -(fields[1] & 1)
        column = fields[2]
    return f"{file_of(proto)}:{line & 0xffffffff}:{column & 0xffffffff}"


def varint(table, used):
    value = 0
    for i in range(10):
        byte = table[used]
        used += 1
        value |= (byte & 0x7f) << (7 * i)
        if byte < 0x80:
            return value, used
    raise Torn("a table of lines")


def file_of(proto):
    code = at(int(proto["code"]), "struct zcode")
    number = int(proto["file"])
    if number == 0:
        return c_string(code["file_name"])
    if number > int(code["file_count"]):
        raise Torn("the number of a file")
    return c_string(code["files"][number - 1]["name"])


def function_text(proto):
    return symbol_text(proto["name"])


class Renderer:
    """One value as text, with bounds for all that it leads to."""

    def __init__(self):
        self.left = NODES_MAX
        self.open = []

    def value(self, tag, bits, depth=0):
        self.left -= 1
        if self.left < 0:
            return "..."
        try:
            return self.value_or_raise(tag & 0xff, bits, depth)
        except ERRORS as error:
            return f"<torn: {error}>"

    def value_or_raise(self, tag, bits, depth):
        if tag == constant("ZTAG_INT"):
            return str(bits - (1 << 64) if bits >> 63 else bits)
        if tag == constant("ZTAG_FLOAT"):
            return repr(struct.unpack("<d", struct.pack("<Q", bits))[0])
        simple = {"ZTAG_NULL": "null", "ZTAG_FALSE": "false", "ZTAG_TRUE": "true",
                  "ZTAG_UNSET": "<unset>", "ZTAG_DEAD": "<removed>"}
        for name, text in simple.items():
            if tag == constant(name):
                return text
        if tag == constant("ZTAG_BUILTIN"):
            return f"builtin {c_string(at(bits, 'struct zbuiltin')['name'])}"
        if tag == constant("ZTAG_SYMBOL"):
            return '"' + string_text(at(bits, "struct zstring")) + '"'
        if not tag & constant("ZTAG_HEAP"):
            raise Torn(f"tag {tag:#x}")
        header = at(bits, "struct zobject")
        if int(header["kind"]) != tag & constant("ZTAG_TYPE_MASK"):
            raise Torn(f"tag {tag:#x} of an object of kind {int(header['kind'])}")
        return self.object(bits, depth)

    def object(self, address, depth=0):
        """An object of a heap, by its kind byte."""
        kind = int(at(address, "struct zobject")["kind"])
        for name, show in self.KINDS.items():
            if kind == constant(name):
                if address in self.open:
                    return "<itself>"
                self.open.append(address)
                try:
                    return show(self, address, depth)
                except ERRORS as error:
                    return f"<torn: {error}>"
                finally:
                    self.open.pop()
        raise Torn(f"an object of kind {kind} at {address:#x}")

    def string(self, address, _depth):
        return '"' + string_text(at(address, "struct zstring")) + '"'

    def items(self, count, item, depth):
        """The texts of the first items; item(i) gives one."""
        if depth >= DEPTH_MAX and count > 0:
            return "..."
        texts = [item(i) for i in range(min(count, ITEMS_SHOWN))]
        if count > ITEMS_SHOWN:
            texts.append("...")
        return ", ".join(texts)

    def list(self, address, depth):
        list_ = at(address, "struct zlist")
        count, capacity = int(list_["owner"]["header"]["aux"]), int(list_["capacity"])
        if count > capacity:
            raise Torn("a list longer than its room")
        payload = int(list_["owner"]["payload"])
        elements = int(list_["elements"])

        def item(i):
            bits = word_at(payload + 8 * i)
            any_ = elements == constant("ZLIST_ANY")
            tag = read_bytes(payload + 8 * capacity + i, 1)[0] if any_ else elements
            return self.value(tag, bits, depth + 1)
        return f"list({count}) [{self.items(count, item, depth)}]"

    def map(self, address, depth):
        map_ = at(address, "struct zmap")
        used, count = int(map_["used"]), int(map_["owner"]["header"]["aux"])
        if count > used or used > int(map_["capacity"]):
            raise Torn("a map with more entries than room")
        entries = int(map_["owner"]["payload"])
        live, i = [], 0
        while i < used and i < 64 * ITEMS_SHOWN and len(live) < ITEMS_SHOWN:
            entry = at(entries + 24 * i, "struct zmap_entry")
            if int(entry["key_tag"]) != constant("ZTAG_DEAD"):
                live.append(entry)
            i += 1

        def item(i):
            if i >= len(live):
                return "..."
            entry = live[i]
            key = self.value(int(entry["key_tag"]), int(entry["key"]), depth + 1)
            return f"{key}: {self.value(int(entry['value_tag']), int(entry['value']), depth + 1)}"
        return f"map({count}) {{{self.items(count, item, depth)}}}"

    def function(self, address, _depth):
        proto = at(int(at(address, "struct zfunc")["proto"]), "struct zproto")
        return f"function {function_text(proto)} ({first_place(proto)})"

    def cell(self, address, depth):
        cell = at(address, "struct zcell")
        return "cell " + self.value(int(cell["header"]["aux"]), int(cell["payload"]), depth + 1)

    def error(self, address, depth):
        error = at(address, "struct zerror")
        kind = self.value(int(error["kind_tag"]), int(error["kind"]), depth + 1).strip('"')
        message = self.value(int(error["message_tag"]), int(error["message"]), depth + 1).strip('"')
        line = int(error["line"])
        return f"{kind}: {message}" + (f" (line {line})" if line else "")

    def record(self, address, depth):
        record = at(address, "struct zrecord")
        count = int(record["header"]["aux"])
        if count > 255:
            raise Torn("a record with so many fields")
        shape = at(int(at(int(record["class"]), "struct zclass")["shape"]), "struct zshape")
        fields = address_of(record["fields"])
        names = shape["fields"] if count == int(shape["field_count"]) else None

        def item(i):
            text = self.value(read_bytes(fields + 8 * count + i, 1)[0], word_at(fields + 8 * i), depth + 1)
            if names is None:
                return text
            return symbol_text(names[i]["declared"]["check"]["name"]) + "=" + text
        return f"{symbol_text(shape['data']['name'])}({self.items(count, item, depth)})"

    def klass(self, address, _depth):
        shape = at(int(at(address, "struct zclass")["shape"]), "struct zshape")
        return f"data {symbol_text(shape['data']['name'])}"

    def bound(self, address, depth):
        bound = at(address, "struct zbound")
        return "method of " + self.value(int(bound["header"]["aux"]), int(bound["receiver"]), depth + 1)

    def task(self, address, depth):
        task = at(address, "struct ztask")
        states = {"ZTASK_NEW": "new", "ZTASK_RUNNING": "running", "ZTASK_DONE": "done",
                  "ZTASK_FAILED": "failed"}
        state = next((text for name, text in states.items() if int(task["state"]) == constant(name)), None)
        if state is None:
            raise Torn("the state of a task")
        count, slots = int(task["header"]["aux"]), address_of(task["slots"])
        if state not in ("done", "failed") or not 1 <= count <= 255:
            return f"task ({state})"
        result = self.value(read_bytes(slots + 8 * count, 1)[0], word_at(slots), depth + 1)
        return f"task ({state}: {result})"

    def isolate(self, address, _depth):
        mailbox = at(int(at(address, "struct zisolate_value")["mailbox"]), "struct zmailbox")
        return f"<isolate {int(mailbox['number'])}>"

    def plain(self, address, _depth):
        header = at(address, "struct zobject")
        names = {"ZTYPE_BUFFER": "buffer", "ZTYPE_STRBUF": "string buffer", "ZTYPE_HOST": "host object",
                 "ZTYPE_NODE": "node"}
        kind = int(header["kind"])
        name = next(text for key, text in names.items() if constant(key) == kind)
        return f"{name} ({int(header['aux'])})"

    KINDS = {"ZTYPE_STRING": string, "ZTYPE_LIST": list, "ZTYPE_MAP": map, "ZTYPE_FUNC": function,
             "ZTYPE_RECORD": record, "ZTYPE_ERROR": error, "ZTYPE_TASK": task, "ZTYPE_CLASS": klass,
             "ZTYPE_BOUND": bound, "ZTYPE_CELL": cell, "ZTYPE_ISOLATE": isolate, "ZTYPE_BUFFER": plain, "ZTYPE_STRBUF": plain,
             "ZTYPE_HOST": plain, "ZTYPE_NODE": plain}


def word_at(address):
    return struct.unpack("<Q", read_bytes(address, 8))[0]


def first_place(proto):
    """Where the code of a function begins: its first word that has a place."""
    count = min(int(proto["line_bytes"]), 64)
    table = read_bytes(int(proto["lines"]), count)
    pc = varint(table, 0)[0] if count > 0 else 0
    return place_of(proto, pc)


def value_text(value):
    """Of a struct zvalue."""
    return Renderer().value(int(value["tag"]), int(value["bits"]))


# ---- Pretty printers ------------------------------------------------------------------------------

class ValuePrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        try:
            return value_text(self.value)
        except ERRORS as error:
            return f"<torn: {error}>"


class ObjectPrinter(ValuePrinter):
    def to_string(self):
        if self.value.address is None:
            return "<not in memory>"
        try:
            return Renderer().object(address_of(self.value))
        except ERRORS as error:
            return f"<torn: {error}>"


PRINTERS = {"zvalue": ValuePrinter}
for struct_name in ("zstring", "zstring_long", "zlist", "zmap", "zfunc", "zrecord", "zerror", "zclass",
                    "zbound", "zcell", "ztask", "zisolate_value"):
    PRINTERS[struct_name] = ObjectPrinter


def find_printer(value):
    tag = value.type.strip_typedefs().unqualified().tag
    return PRINTERS[tag](value) if tag in PRINTERS else None


find_printer.name = "zvm"
find_printer.enabled = True

# ---- Runtimes, isolates, workers ------------------------------------------------------------------


def schedulers():
    """(number, struct zsched) of each runtime of the process."""
    try:
        slots = gdb.parse_and_eval("zapi_debug_runtimes")
    except gdb.error as error:
        raise Torn("there is no zvm in this program, or no information for debuggers") from error
    first, last = slots.type.range()
    for i in range(first, last + 1):
        runtime = int(slots[i])
        if runtime == 0:
            continue
        sched = int(at(runtime, "struct zvm_runtime")["sched"])
        if sched != 0:
            yield i, at(sched, "struct zsched")


def is_block(address):
    """Whether an isolate can be there: a control part in the front of a slab of blocks (heap_internal.h)."""
    index, rest = divmod(address % SLAB_BYTES - HEAD_PAGES * PAGE_BYTES, CONTROL_BYTES)
    return address >= SLAB_BYTES and rest == 0 and 0 <= index < SLAB_BLOCKS


def isolates_of(sched):
    """Its isolates; ends with Torn when the list does."""
    address, seen = int(sched["live"]), set()
    while address != 0:
        if not is_block(address) or address in seen or len(seen) >= ISOLATES_MAX:
            raise Torn(f"the list of isolates at {address:#x}")
        seen.add(address)
        iso = at(address, "struct zisolate")
        following = int(iso["live_next"])
        yield iso
        address = following


def workers_of(sched):
    count = int(sched["worker_capacity"])
    if count > WORKERS_MAX:
        raise Torn("the number of workers")
    for i in range(count):
        address = int(sched["workers"][i])
        if address != 0:
            yield at(address, "struct zworker")


def thread_of(worker):
    """gdb's thread of a worker, or None: before it is started, and in some cores."""
    wanted = int(worker["thread"])
    for thread in gdb.selected_inferior().threads():
        try:
            if int.from_bytes(thread.handle(), "little") == wanted:
                return thread
        except ERRORS:
            return None
    return None


def worker_that_runs(iso):
    """The worker, or None. By the isolate's runner, which is a part of the worker."""
    runner = int(iso["runner"])
    if runner == 0:
        return None
    for _, sched in schedulers():
        for worker in workers_of(sched):
            if address_of(worker["lane"]["runner"]) == runner:
                return worker
    return None


STATES = ["idle", "queued", "running", "waiting", "done", "gone"]
FLAGS = [("ZSTATE_CANCEL", "cancelled"), ("ZSTATE_HOSTED", "hosted")]


def state_text(iso):
    word = int(iso["state"])
    phase = word & constant("ZSTATE_MASK")
    if phase >= len(STATES):
        return f"<torn: {word:#x}>"
    extra = [text for name, text in FLAGS if word & constant(name)]
    return STATES[phase] + "".join("+" + text for text in extra)


def mailbox_of(iso):
    """None: it has not talked yet."""
    address = int(iso["mailbox"])
    return None if address == 0 else at(address, "struct zmailbox")


def waiting_text(mailbox):
    """What its isolate waits for."""
    if int(mailbox["life"]["at"]) != 0:
        other = int(at(int(mailbox["life"]["at"]), "struct zmailbox")["number"])
        what = "for room in the mailbox" if int(mailbox["life"]["is_sending"]) else "for the end"
        return f"{what} of <isolate {other}>"
    if int(mailbox["life"]["waiter"]) == MAILBOX_NOBODY:
        return "for no message"
    return "for a message" + ("" if int(mailbox["life"]["waiter"]) == MAILBOX_ISOLATE else ", or until a time")


def length_of(pointer, name):
    """Of a list that goes on by `next`."""
    address, count = int(pointer), 0
    while address != 0:
        if count >= WAITING_MAX:
            raise Torn(f"a list of {name}")
        count += 1
        address = int(at(address, name)["next"])
    return count


def fuel_used(iso):
    limit = int(iso["fuel_limit"])
    total = limit if 0 < limit < FUEL_UNLIMITED else FUEL_UNLIMITED
    left = max(int(iso["fuel"]) + int(iso["fuel_reserve"]), 0)
    quota = int(iso["quota"])
    rest = 0
    if quota != 0:
        rest = int(at(quota, "struct zquota")["fuel_rest"])
    return total - left - rest



# ---- Heaps ----------------------------------------------------------------------------------------

class Heap:
    def __init__(self, iso):
        self.heap = iso["heap"]
        self.private = as_type(self.heap["opaque"], "struct zheap_private")
        classes = int(self.heap["classes"])
        none = int(gdb.parse_and_eval("&zheap_no_classes[0]"))
        self.more = None if classes == none else at(classes, "struct zheap_more")
        self.class_bytes = gdb.parse_and_eval("zheap_class_bytes")

    def class_count(self):
        return self.class_bytes.type.range()[1] + 1

    def span_bytes(self):
        return int(self.private["span_pages"]) * PAGE_BYTES

    def committed(self):
        p = self.private
        return BLOCK_BYTES + self.span_bytes() + int(p["external_bytes"]) + int(p["charged_bytes"])

    def live(self):
        cached = 0
        if self.more is not None:
            for i in range(self.class_count()):
                cached += bin(int(self.more["classes"][i]["cache"])).count("1") * int(self.class_bytes[i])
        return int(self.private["acquired_bytes"]) - cached - int(self.private["freed_bytes"])

    def spans(self, number):
        """(spans, pages, used cells) of a class; ends early with Torn."""
        page, spans, pages, used = int(self.more["classes"][number]["first"]), 0, 0, 0
        while page != 0:
            if spans >= SPANS_MAX:
                raise Torn("a list of spans")
            first = at(page, "struct zpage")
            order = int(first["order"])
            if order >= len(SPAN_PAGES) or int(first["class"]) != number:
                raise Torn(f"a span at {page:#x}")
            spans += 1
            pages += SPAN_PAGES[order]
            used += used_cells(page, SPAN_PAGES[order])
            page = int(first["next"])
        return spans, pages, used


def used_cells(page, count):
    slab = page & ~(SLAB_BYTES - 1)
    table = slab + 2 * 1024 * 8  # behind the words of marks and of used cells
    number = (page - table) // 16
    if not HEAD_PAGES <= number <= 1024 - count:
        raise Torn(f"a page at {page:#x}")
    words = struct.unpack(f"<{count}Q", read_bytes(slab + (1024 + number) * 8, 8 * count))
    return sum(bin(word).count("1") for word in words)


# ---- Calls ----------------------------------------------------------------------------------------

INTERPRETER = ("zinterp_run",)
TAIL_PREFIXES = ("op_", "leave_")


def registers_of_interpreter(iso):
    """(frame, pc) of an interpreter that was stopped in its loop, where they are in registers. None: it is
    not in its loop; (): there, and the compiler does not say where they are."""
    worker = worker_that_runs(iso)
    thread = thread_of(worker) if worker is not None else None
    if thread is None:
        return None
    before = gdb.selected_thread()
    try:
        before_frame = gdb.selected_frame()
    except gdb.error:
        before_frame = None
    try:
        thread.switch()
        frame = gdb.newest_frame()
        name = frame.name() or ""
        if name not in INTERPRETER and not name.startswith(TAIL_PREFIXES):
            return None
        found = frame.read_var("frame"), frame.read_var("pc")
        if any(value.is_optimized_out for value in found):
            return ()
        return tuple(int(value) for value in found)
    except ERRORS:
        return None
    finally:
        if before is not None and before.is_valid():
            before.switch()
            if before_frame is not None and before_frame.is_valid():
                before_frame.select()


class Calls:
    """The calls of an isolate, innermost first."""

    def __init__(self, iso):
        self.first = int(iso["frames"])
        self.size = gdb.lookup_type("struct zframe").sizeof
        capacity = int(iso["frame_capacity"])
        if capacity > FRAMES_MAX:
            raise Torn("the number of frames")
        self.top, self.pc = int(iso["frame"]), None
        live = registers_of_interpreter(iso) if self.top != 0 else None
        if live and self.is_frame(live[0], capacity):
            self.top, self.pc = live
        self.is_old = live is not None and self.pc is None
        if self.top != 0 and not self.is_frame(self.top, capacity):
            raise Torn(f"the current frame {self.top:#x}")

    def is_frame(self, address, capacity):
        distance = address - self.first
        return distance >= 0 and distance % self.size == 0 and distance // self.size < capacity

    def count(self):
        return 0 if self.top == 0 else (self.top - self.first) // self.size + 1

    def text(self, number):
        """Of call `number`, 0 the innermost."""
        frame = at(self.top - number * self.size, "struct zframe")
        if int(frame["flags"]) & constant("ZFRAME_NATIVE"):
            return c_string(at(int(frame["native"]), "struct zbuiltin")["name"]) + " (builtin)"
        proto = at(int(at(int(frame["func"]), "struct zfunc")["proto"]), "struct zproto")
        pc = self.pc if number == 0 and self.pc is not None else int(frame["pc"])
        words = int(proto["words"])
        next_word = (pc - words) // 4
        if not 0 <= next_word <= int(proto["word_count"]):
            raise Torn(f"the place in {function_text(proto)}")
        return f"{function_text(proto)} ({place_of(proto, max(next_word - 1, 0))})"


def call_text(calls, number):
    try:
        return calls.text(number)
    except ERRORS as error:
        return f"<torn: {error}>"


def innermost_text(iso):
    try:
        calls = Calls(iso)
        return call_text(calls, 0) if calls.count() > 0 else ""
    except ERRORS as error:
        return f"<torn: {error}>"


# ---- Commands -------------------------------------------------------------------------------------

def find_isolate(text):
    """By id, by the number of its value, by address, or the one that the current thread runs."""
    if text == "":
        return isolate_of_thread()
    if re.fullmatch(r"<\d+>", text):
        return first_isolate(lambda iso: is_value(iso, int(text[1:-1])), f"there is no isolate {text}")
    if text.lstrip("-").isdigit():
        return first_isolate(lambda iso: has_id(iso, int(text)), f"there is no isolate with the id {text}")
    address = int(gdb.parse_and_eval(text).cast(gdb.lookup_type("unsigned long")))
    if not is_block(address):
        raise Torn(f"there is no isolate at {address:#x}")
    return at(address, "struct zisolate")


def first_isolate(is_wanted, otherwise):
    for _, sched in schedulers():
        for iso in isolates_of(sched):
            if is_wanted(iso):
                return iso
    raise Torn(otherwise)


def is_value(iso, number):
    mailbox = mailbox_of(iso)
    return mailbox is not None and int(mailbox["number"]) == number


def has_id(iso, number):
    """Those that a program spawns have its id: the one that the host made is meant."""
    if int(iso["id"]) != number:
        return False
    mailbox = mailbox_of(iso)
    return mailbox is None or not int(mailbox["is_spawned"])


def isolate_of_thread():
    current, running = gdb.selected_thread(), []
    for _, sched in schedulers():
        for worker in workers_of(sched):
            thread = thread_of(worker)
            address = int(worker["running"])
            if address != 0 and thread is not None and current is not None and thread.num == current.num:
                return at(address, "struct zisolate")
        for iso in isolates_of(sched):
            if int(iso["runner"]) != 0:
                running.append(iso)
    if len(running) == 1:
        return running[0]
    raise Torn(f"{len(running)} isolates run, and the current thread is no worker that runs one; give "
               "an id or an address")


def columns(rows, right):
    """Lines of a table; `right`: the columns that are numbers."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [text.rjust(width) if i in right else text.ljust(width)
                 for i, (text, width) in enumerate(zip(row, widths))]
        yield "  ".join(cells).rstrip()


def show(rows, right):
    for line in columns(rows, right):
        print(line)


class ZvmCommand(gdb.Command):
    """A command that says what it could not read, and never ends in a Python error."""

    def __init__(self, name):
        super().__init__(name, gdb.COMMAND_DATA)

    def invoke(self, argument, _from_tty):
        try:
            self.run(gdb.string_to_argv(argument))
        except ERRORS as error:
            print(f"zvm: {error}")

    def run(self, words):
        raise NotImplementedError


class Isolates(ZvmCommand):
    """zvm isolates [COUNT]: the isolates of all runtimes, newest first (100).

A program that knows isolates calls them by the number in `value`: <isolate VALUE>."""

    TITLES = ("isolate", "id", "value", "state", "fuel used", "committed", "live", "messages")

    def run(self, words):
        limit = int(words[0]) if words else ISOLATES_SHOWN
        rows, total, torn = [self.TITLES], 0, None
        for _, sched in schedulers():
            try:
                for iso in isolates_of(sched):
                    total += 1
                    if len(rows) <= limit:
                        rows.append(self.row(iso))
            except ERRORS as error:
                torn = error
        show(rows, {1, 2, 4, 5, 6, 7})
        print(f"{total} isolates" + (f", {total - limit} not shown" if total > limit else ""))
        if torn is not None:
            print(f"zvm: {torn}")

    @staticmethod
    def row(iso):
        try:
            heap = Heap(iso)
            mailbox = mailbox_of(iso)
            value, messages = ("", "") if mailbox is None else (mailbox["number"], mailbox["life"]["count"])
            return (f"{address_of(iso):#x}", str(int(iso["id"])), str(value), state_text(iso), str(fuel_used(iso)),
                    str(heap.committed()), str(heap.live()), str(messages))
        except ERRORS as error:
            return (f"{address_of(iso):#x}", "?", "", f"<torn: {error}>", "", "", "", "")


class Workers(ZvmCommand):
    """zvm workers: what each worker of all runtimes runs."""

    def run(self, words):
        rows = [("worker", "thread", "isolate", "id", "where")]
        for number, sched in schedulers():
            for worker in workers_of(sched):
                rows.append(self.row(sched, worker))
            rows += self.hosted(sched)
        show(rows, {0, 3})

    @staticmethod
    def row(sched, worker):
        index = int(worker["index"])
        thread = thread_of(worker)
        number = "?" if thread is None else str(thread.num)
        address = int(worker["running"])
        if address == 0:
            word = int(sched["parking"]["idle"][index // 64])
            what = "sleeps" if word >> index % 64 & 1 else "between two slices"
            return str(index), number, "", "", what
        try:
            iso = at(address, "struct zisolate")
            return str(index), number, f"{address:#x}", str(int(iso["id"])), innermost_text(iso)
        except ERRORS as error:
            return str(index), number, f"{address:#x}", "?", f"<torn: {error}>"

    @staticmethod
    def hosted(sched):
        """What threads of the host run."""
        own = {address_of(worker["lane"]["runner"]) for worker in workers_of(sched)}
        for iso in isolates_of(sched):
            runner = int(iso["runner"])
            if runner != 0 and runner not in own:
                yield "host", "?", f"{address_of(iso):#x}", str(int(iso["id"])), innermost_text(iso)


class Backtrace(ZvmCommand):
    """zvm bt [ISO] [COUNT]: the calls of a program, innermost first (100)."""

    def run(self, words):
        iso = find_isolate(words[0] if words else "")
        limit = int(words[1]) if len(words) > 1 else FRAMES_SHOWN
        calls = Calls(iso)
        count = calls.count()
        print(f"isolate {int(iso['id'])} ({state_text(iso)}), {count} calls" +
              (", as of its last call of a builtin or end of a slice" if calls.is_old else ""))
        for number in range(min(count, limit)):
            print(f"#{number:<3} {call_text(calls, number)}")
        if count > limit:
            print(f"({count - limit} calls not shown)")


class Globals(ZvmCommand):
    """zvm globals [ISO]: the globals of a program that have a value."""

    def run(self, words):
        iso = find_isolate(words[0] if words else "")
        code = at(int(iso["code"]), "struct zcode")
        count = min(int(code["global_count"]), GLOBALS_SHOWN)
        room = (int(iso["stack_end"]) - int(iso["stack"])) // 16
        if count > room:
            raise Torn("more globals than room")
        for slot in range(count):
            value = iso["stack"][slot]
            if int(value["tag"]) != constant("ZTAG_UNSET"):
                print(f"{symbol_text(code['globals'][slot])} = {value_text(value)}")
        self.show_arguments(iso)

    @staticmethod
    def show_arguments(iso):
        """`args`, once the program has used it."""
        if int(iso["extra"]) == 0:
            return
        arguments = at(int(iso["extra"]), "struct zisolate_extra")["argument_list"]
        if int(arguments["tag"]) != constant("ZTAG_UNSET"):
            print(f"args = {value_text(arguments)}")


class HeapOf(ZvmCommand):
    """zvm heap [ISO]: spans by class, and where the bytes of a heap are."""

    def run(self, words):
        iso = find_isolate(words[0] if words else "")
        heap = Heap(iso)
        p = heap.private
        print(f"isolate {int(iso['id'])} ({state_text(iso)}): {heap.committed()} of {int(p['limit_bytes'])} "
              f"bytes committed, {heap.live()} live")
        self.show_parts(heap)
        if heap.more is not None:
            self.show_classes(heap)
        phase = "" if heap.more is None or int(heap.more["cycle"]["phase"]) == 0 else ", one under way"
        print(f"{int(p['collections'])} collections{phase}; {int(p['acquired_count'])} objects made, "
              f"{int(p['freed_count'])} freed")

    @staticmethod
    def show_parts(heap):
        p = heap.private
        show([("part", "bytes"), ("block", str(BLOCK_BYTES)), ("spans", str(heap.span_bytes())),
              ("payloads outside", str(int(p["external_bytes"]))),
              ("stacks and tables", str(int(p["charged_bytes"])))], {1})

    @staticmethod
    def show_classes(heap):
        rows = [("cell", "spans", "bytes", "cells given out")]
        for number in range(heap.class_count()):
            try:
                spans, pages, used = heap.spans(number)
                if spans > 0:
                    rows.append((str(int(heap.class_bytes[number])), str(spans), str(pages * PAGE_BYTES),
                                 str(used)))
            except ERRORS as error:
                rows.append((str(int(heap.class_bytes[number])), f"<torn: {error}>", "", ""))
        rows.append(("reserve", "1", str(PAGE_BYTES), ""))
        show(rows, {0, 1, 2, 3})


class Mailbox(ZvmCommand):
    """zvm mailbox [ISO]: the messages that wait for an isolate, and who waits at its mailbox."""

    def run(self, words):
        iso = find_isolate(words[0] if words else "")
        mailbox = mailbox_of(iso)
        if mailbox is None:
            print(f"isolate {int(iso['id'])} ({state_text(iso)}): no mailbox, it has not talked")
            return
        print(f"isolate {int(iso['id'])} ({state_text(iso)}), <isolate {int(mailbox['number'])}>: "
              f"{int(mailbox['life']['count'])} of {int(mailbox['life']['limit_count'])} messages, "
              f"{int(mailbox['life']['bytes'])} of {int(mailbox['limit_bytes'])} bytes")
        print(f"waits: {waiting_text(mailbox)}")
        for name, what in (("senders", "wait for room"), ("awaiters", "wait for its end")):
            print(f"{length_of(mailbox['life'][name]['first'], 'struct zline')} {what}")
        print(f"{length_of(mailbox['life']['monitors'], 'struct zmonitor')} watch it")


class Zvm(gdb.Command):
    """zvm isolates | workers | bt | globals | heap | mailbox: what the isolates of this process do.

`help zvm COMMAND` tells more of each."""

    def __init__(self):
        super().__init__("zvm", gdb.COMMAND_DATA, gdb.COMPLETE_COMMAND, True)


Zvm()
Isolates("zvm isolates")
Workers("zvm workers")
Backtrace("zvm bt")
Globals("zvm globals")
HeapOf("zvm heap")
Mailbox("zvm mailbox")
if not any(getattr(printer, "name", "") == "zvm" for printer in gdb.pretty_printers):
    gdb.pretty_printers.append(find_printer)
