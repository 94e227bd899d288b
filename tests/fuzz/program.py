"""Random programs of the language that always end.

A program is grown from a seed, statement by statement, with a guess of each name's type, so that most
operations make sense and some do not. Loops count down, functions call only functions declared before
them (or themselves, with a counter), so a program ends; how much it does is bounded by whoever runs it.
What is about data and match is in program_data.py, about modules in program_module.py. Left out: what is deep or large on purpose.
"""
import random
import re

from program_data import DataParts
from program_module import ModuleParts

INTS = ["0", "1", "2", "3", "5", "7", "10", "31", "63", "64", "100", "127", "128", "255", "256", "257",
        "1000", "32767", "32768", "65536", "2147483647", "4294967296", "4611686018427387904",
        "9007199254740993", "9223372036854775807", "-1", "-2", "-7", "-128", "-32768", "-32769",
        "-9223372036854775807", "-9223372036854775808"]
FLOATS = ["0.0", "-0.0", "0.5", "1.0", "1.5", "-2.5", "2.0", "3.0", "1e16", "1e-5", "9007199254740992.0",
          "1e308", "5e-324", "9.223372036854775807e18", "0.1", "-7.25", "255.0", "float(\"nan\")",
          "float(\"inf\")"]
STRINGS = ['""', '"a"', '"b"', '"ab"', '"abc"', '"hello world"', '"é"', '"aéz"', '"日本語"', '"😀x"',
           '"12"', '" 7 "', '"-3.5"', '"A,b,C"', '"x\\ty"', '"k"', "'raw ${x}'", '"count"', '"keys"',
           '"Zebra"', '"aaaa"', '"0123456789abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"']
KEYS = ["a", "b", "c", "k", "name", "if", "count", "len", "x"]
TYPES = ["int", "float", "str", "bool", "null", "list", "map", "fn", "any"]
ANNOTATIONS = {"int": ["int", "integer", "number", "any", "Int"], "float": ["float", "num"],
               "str": ["string", "str"], "bool": ["bool"], "null": ["null", "any"],
               "list": ["list", "list<int>", "array"], "map": ["map", "dict<string, int>"],
               "fn": ["function", "action"], "any": ["any"]}
ARITHMETIC = ["+", "-", "*", "/", "%", "**"]
ORDERS = ["<", "<=", ">", ">="]


ATOM = re.compile(r"[\w.]+(?:\((?P<a>.*)\)|\[(?P<i>.*)\])?|\[(?P<l>.*)\]|\"[^\"]*\"", re.DOTALL)


def is_balanced(text):
    """True when no bracket in text closes one that stands before it. Quotes are skipped."""
    depth, quote = 0, None
    for i, c in enumerate(text):
        if quote:
            quote = None if c == quote and text[i - 1] != "\\" else quote
        elif c in "\"'":
            quote = c
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
            if depth < 0:
                return False
    return depth == 0 and quote is None


def needs_no_parentheses(text):
    match = ATOM.fullmatch(text)
    if not match or "${" in text:
        return False
    return all(part is None or is_balanced(part) for part in match.groups())


def bare(text):
    """text without the parentheses around all of it."""
    return text[1:-1] if text[:1] == "(" and text[-1:] == ")" and is_balanced(text[1:-1]) else text


# What has effects that show the order of things.
PROLOGUE = """let g0 = 1
let gl = [1, 2, 3]
let gm = {a: 1}
let fs = []
action t(v) {
  print("t", v)
  return v
}
action bump(v) {
  g0 += v
  gl[0] = g0
  return g0
}
action swap(v) {
  gf = y => y * 2 + v
  return v
}
action early(v) { return late(t(v)) }
let gf = y => y + 1
action counter() {
  let n = 0
  return () => {
    n += 1
    return n
  }
}
let next = counter()
let held = null
async action later(v) {
  print("later", v)
  return (await held ?? 0) + t(v)
}
async action failing(v) { throw v }
action call_all(list) {
  let out = []
  for each f in list {
    try {
      out.push(f())
    } catch (e) {
      out.push(string(e))
    }
  }
  return out
}
"""


class Name:
    def __init__(self, text, kind, arity=None, const=False):
        self.text, self.kind, self.arity, self.const = text, kind, arity, const
        self.type = None  # of a data type, or of an instance


class Grower:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lines = []
        self.scopes = [[]]
        self.indent = 0
        self.loops = 0
        self.functions = 0
        self.statements = 0
        self.limit = self.random.choice([15, 30, 60, 120])
        self.serial = 0
        self.awaits = self.random.random() < 0.4  # else no task is in the program
        self.oddness = self.random.choice([0.0, 0.02, 0.06])
        self.wild = self.random.random() < 0.2
        self.has_data = self.random.random() < 0.6

    # ---- Choosing ------------------------------------------------------------------------------

    def chance(self, p):
        return self.random.random() < p

    def pick(self, items):
        return self.random.choice(items)

    def fresh(self, kind):
        self.serial += 1
        if self.chance(0.25):  # a name that may be taken already, here or outside
            return self.pick(["x", "y", "z", "acc", "i", "f", "len", "item", "m", "s"])
        return f"{kind[0]}{self.serial}"

    def visible(self):
        seen = {}
        for scope in self.scopes:
            for name in scope:
                seen[name.text] = name
        return list(seen.values())

    def names(self, kind):

        return [n for n in self.visible() if kind == "any" or n.kind == kind or (self.wild and n.kind == "any")]

    def declare(self, text, kind, arity=None, const=False):
        scope = self.scopes[-1]
        scope[:] = [n for n in scope if n.text != text]
        scope.append(Name(text, kind, arity, const))

    def make_name(self, text, kind):
        return Name(text, kind)

    def redeclares_const(self, text, const):
        return any(n.text == text and (n.const or const) for n in self.scopes[-1])

    def emit(self, text):
        self.lines.append("  " * self.indent + text)

    # ---- Expressions ---------------------------------------------------------------------------

    def literal(self, kind):
        if kind == "int" and self.chance(0.12):
            return self.pick(["t(1)", "t(2)", "bump(1)", "bump(3)", "swap(4)", "gf(1)", "early(2)", "g0", "next()"])
        if kind == "list" and self.chance(0.05):
            return "gl"
        if kind == "int":
            return self.pick(INTS) if self.chance(0.4) else str(self.random.randint(0, 12))
        if kind == "float":
            return self.pick(FLOATS)
        if kind == "str":
            return self.pick(STRINGS)
        if kind == "bool":
            return self.pick(["true", "false"])
        if kind == "null":
            return "null"
        if kind == "list":
            if self.chance(0.7):
                return self.pick(["[1, 2, 3]", "range(5)", "[5, 4, 3, 2, 1]", "[0]", "[7, 7]", "range(1, 9, 2)",
                                  "[300, -4, 5, 0, 12, 99, 1]"])
            return self.pick(["[]", '["b", "a", "c"]', "[3, 1.5, 2]", '[1, "a", null, [2]]',
                              "[0.5, 0.25]", "[5, 4, 3, 2, 1]", "[[1, 2], [3, 4]]", "range(5)",
                              '[{a: 2, k: "x"}, {a: 1, k: "y"}]', "[true]"])
        if kind == "map":
            return self.pick(["{}", "{a: 1}", "{a: 1, b: 2, c: 3}", '{1: "x", "1": "y", -2: "z"}',
                              '{"name": "n", if: 2}', "{a: [1, 2], b: {c: 3}}", "{k: x => x, len: 5}",
                              "{a: 1, a: 2, b: 0}"])
        if kind == "fn":
            return self.function_expression(self.random.randint(0, 2), 1)
        return self.literal(self.pick(TYPES[:7]))

    def function_expression(self, arity, depth):
        params = [self.pick(["x", "y", "z", "p", "q"]) + (str(i) if i else "") for i in range(arity)]
        self.scopes.append([Name(p, "int") for p in params])
        loops, self.loops = self.loops, 0
        self.functions += 1
        body = self.expression("int" if self.chance(0.85) else "any", max(depth, 0))
        self.functions -= 1
        self.loops = loops
        self.scopes.pop()
        listed = ", ".join(params)
        form = self.random.randint(0, 4)
        if form == 0 and arity == 1:
            return f"{params[0]} => {body if not body.startswith('{') else '(' + body + ')'}"
        if form == 1:
            return f"action({listed}) {{ return {body} }}"
        if form == 2:
            return f"({listed}) => {{ return {body} }}"
        if form == 3:
            return f"lambda({listed}) => {'(' + body + ')'}"
        return f"({listed}) => {'(' + body + ')'}"

    def expression(self, kind, depth):
        if kind in ("data", "type"):
            kind = "any"
        if self.chance(self.oddness):
            kind = self.pick(TYPES)
        if depth <= 0 or self.chance(0.12):
            return self.leaf(kind)
        makers = {"int": self.int_expression, "float": self.float_expression, "str": self.str_expression,
                  "bool": self.bool_expression, "list": self.list_expression, "map": self.map_expression,
                  "fn": self.fn_expression}
        text = self.shared_expression(kind, depth) if self.chance(0.2) else makers.get(kind, self.any_expression)(depth)
        return text if needs_no_parentheses(text) else f"({text})"

    def chain(self, kind, depth):
        """Operators of all levels without parentheses."""
        operators = ARITHMETIC + ["+", "-", "*"] if kind == "int" else ARITHMETIC + ORDERS + [
            "==", "!=", "&&", "||", "??"]
        text = self.expression("int", depth - 1)
        for _ in range(self.random.randint(1, 6)):
            text += f" {self.pick(operators)} {self.pick(['', '', '', '-', '!' if kind == 'bool' else ''])}{self.leaf('int')}"
        return text

    def leaf(self, kind):
        names = self.names(kind)
        if names and self.chance(0.65):
            return self.pick(names).text
        if self.chance(0.01):
            return "undefined_name"
        text = self.literal(kind)
        return f"({text})" if text.startswith("-") or kind == "fn" else text

    def shared_expression(self, kind, depth):
        form = self.random.randint(0, 8 if self.awaits else 6)
        a = self.expression(kind, depth - 1)
        if form >= 7:
            return self.awaiting(kind, a, depth)
        if form == 0:
            return f"{self.expression('bool', depth - 1)} ? {a} : {self.expression(kind, depth - 1)}"
        if form == 1:
            return f"{self.pick(['null', a])} ?? {self.expression(kind, depth - 1)}"
        if form == 2:
            return f"[{a}, {self.expression('any', depth - 1)}][{self.pick(['0', '0', '1', '2'])}]"
        if form == 3:
            return f"{{a: {a}, b: {self.expression('any', depth - 1)}}}{self.pick(['.a', '.b', '[%s]' % chr(34).join(['', 'a', ''])])}"
        if form == 4:
            return f"({self.function_expression(1, depth - 1)})({a})"
        if form == 5:
            return self.call(depth)
        return f"[{a}].{self.pick(['first()', 'last()', 'pop()', 'remove(0)'])}"

    def awaiting(self, kind, text, depth):
        form = self.random.randint(0, 5)
        if form == 0 and kind == "int":
            return f"await later({text})"
        if form == 1:
            return f"await (async action(v) {{ return v }})({text})"
        if form == 2:
            annotation = self.pick(ANNOTATIONS.get(kind, ["any"]))
            result = self.pick([f" -> {annotation}", ""])
            return f"await (async function(v){result} {{ return {self.expression(kind, depth - 2)} }})({text})"
        if form == 3:
            return f"[await {text}].map(async action(x) {{ return x }}).map(x => await x)[0]"
        tasks = self.names("task")
        if form == 4 and tasks:
            return f"await {self.pick(tasks).text}"
        return f"await {text}"

    def call(self, depth):
        return ("await " if self.awaits and self.chance(0.5) else "") + self.plain_call(depth)

    def plain_call(self, depth):
        functions = [n for n in self.visible() if n.kind == "fn" and n.arity is not None]
        if not functions:
            return self.leaf("any")
        function = self.pick(functions)
        arity = function.arity
        if self.chance(self.oddness):
            arity += self.pick([-1, 1])
        arguments = [self.expression("int", depth - 2) for _ in range(max(arity, 0))]
        return f"{function.text}({', '.join(arguments)})"

    def int_expression(self, depth):
        e = self.expression
        form = self.random.randint(0, 14)
        if form == 14:
            return self.chain("int", depth)
        if form <= 5:
            return f"{e('int', depth - 1)} {self.pick(ARITHMETIC[:5] if self.chance(.9) else ['**'])} {e('int', depth - 1)}"
        if form == 6:
            return f"-{e('int', depth - 1)}"
        if form == 7:
            return f"len({e(self.pick(['str', 'list', 'map']), depth - 1)})"
        if form == 8:
            return f"{e(self.pick(['str', 'list', 'map']), depth - 1)}.{self.pick(['len()', 'count()', 'size()'])}"
        if form == 9:
            return f"{self.pick(['abs', 'floor', 'ceil', 'round', 'int'])}({e(self.pick(['int', 'float']), depth - 1)})"
        if form == 10:
            return f"{self.pick(['min', 'max'])}({e('int', depth - 1)}, {e(self.pick(['int', 'float']), depth - 1)})"
        if form == 11:
            return f"{e('list', depth - 1)}.reduce({self.function_expression(2, depth - 1)}{self.pick(['', ', 0', ', 100'])})"
        if form == 12:
            return f"index_of({e('str', depth - 1)}, {e('str', depth - 1)})"
        return f"{e('list', depth - 1)}[{self.index(depth)}]"

    def index(self, depth):
        return "0" if self.chance(0.8) else self.expression("int", depth - 2)

    def float_expression(self, depth):
        e = self.expression
        form = self.random.randint(0, 3)
        if form <= 1:
            return f"{e(self.pick(['int', 'float']), depth - 1)} {self.pick(ARITHMETIC)} {e('float', depth - 1)}"
        if form == 2:
            return f"float({e(self.pick(['int', 'bool', 'float']), depth - 1)})"
        return f"sqrt({e(self.pick(['int', 'float']), depth - 1)})"

    def interpolation(self, depth):
        parts = []
        for _ in range(self.random.randint(1, 4)):
            parts.append(self.pick(["", "a", " = ", "é", "$", "{}"]))
            inner = self.expression("any", depth - 2)
            if "\n" not in inner:
                parts.append("${" + inner + "}")
        return '"' + "".join(parts) + '"'

    def str_expression(self, depth):
        e = self.expression
        form = self.random.randint(0, 12)
        if form <= 1:
            return f"{e('str', depth - 1)} + {e('str', depth - 1)}"
        if form == 2:
            return self.interpolation(depth)
        if form == 3:
            return f"{self.pick(['string', 'str', 'typeof', 'type'])}({e('any', depth - 1)})"
        if form == 4:
            return f"{e('str', depth - 1)} * {self.pick(['0', '1', '2', '3', '-1', '20'])}"
        if form == 5:
            return f"{e('str', depth - 1)}.{self.pick(['upper()', 'lower()', 'trim()', 'reverse()'])}"
        if form == 6:
            return f"slice({e('str', depth - 1)}, {self.random.randint(-4, 5)}, {e('int', depth - 2)})"
        if form == 7:
            return f"{e('str', depth - 1)}.substring({self.random.randint(0, 2)}{self.pick(['', ', 2'])})"
        if form == 8:
            return f"replace({e('str', depth - 1)}, {self.leaf('str')}, {self.leaf('str')})"
        if form == 9:
            return f"join({e('list', depth - 1)}.map(x => string(x)), {self.leaf('str')})"
        if form == 10:
            return f"{e('str', depth - 1)}[{self.random.randint(0, 3)}]"
        if form == 11:
            return f"chr({self.pick(['65', '233', '128512', e('int', depth - 2)])})"
        return f"{e('map', depth - 1)}.keys().map(k => string(k)).join({self.leaf('str')})"

    def bool_expression(self, depth):
        e = self.expression
        form = self.random.randint(0, 11)
        if form == 11:
            return self.chain("bool", depth)
        if form <= 2:
            kind = self.pick(["int", "float", "str", "int"])
            return f"{e(kind, depth - 1)} {self.pick(ORDERS)} {e(kind, depth - 1)}"
        if form == 3:
            return f"{e('any', depth - 1)} {self.pick(['==', '!='])} {e('any', depth - 1)}"
        if form == 4:
            kind = self.pick(["int", "float", "str", "list", "map"])
            return f"{e(kind, depth - 1)} {self.pick(['==', '!='])} {e(kind, depth - 1)}"
        if form == 5:
            joint = self.pick(["&&", "||", "and", "or"])
            return f" {joint} ".join(e(self.pick(["bool", "any"]), depth - 1) for _ in range(self.random.randint(2, 4)))
        if form == 6:
            return f"!{e('any', depth - 1)}"
        if form == 7:
            return f"{e('list', depth - 1)}.contains({e('any', depth - 1)})"
        if form == 8:
            return f"has({e('map', depth - 1)}, {self.leaf(self.pick(['str', 'int']))})"
        if form == 9:
            return f"{self.pick(['starts_with', 'ends_with', 'contains'])}({e('str', depth - 1)}, {e('str', depth - 1)})"
        return f"is_empty({e(self.pick(['str', 'list', 'map']), depth - 1)})"

    def list_expression(self, depth):
        e = self.expression
        form = self.random.randint(0, 14)
        if form <= 1:
            kind = self.pick(["int", "int", "int", "any", "str", "float"])
            return "[" + ", ".join(e(kind, depth - 1) for _ in range(self.random.randint(0, 4))) + "]"
        if form == 2:
            return f"{e('list', depth - 1)} + {e('list', depth - 1)}"
        if form == 3:
            return f"range({', '.join(str(self.random.randint(-3, 9)) for _ in range(self.random.randint(1, 3)))})"
        if form == 4:
            return f"{e('list', depth - 1)}.{self.pick(['map', 'filter'])}({self.function_expression(1, depth - 1)})"
        if form == 5 and self.chance(0.3):
            return f"split({e('str', depth - 1)}, {self.pick([self.leaf('str'), chr(34) + ',' + chr(34)])})"
        if form == 6:
            return f"{e('list', depth - 1)}.{self.pick(['sort()', 'sort(true)', 'reverse()', 'rest()', 'slice(1)', 'slice(-2)'])}"
        if form == 7:
            return f"{e('map', depth - 1)}.{self.pick(['keys()', 'values()', 'entries()'])}"
        if form == 8:
            return f"{e('list', depth - 1)}.{self.pick(['push', 'append'])}({e('any', depth - 1)})"
        if form == 9:
            return f"insert({e('list', depth - 1)}, {self.pick(['0', '1', '2'])}, {e('any', depth - 1)})"
        if form == 10:
            return f"{e('list', depth - 1)}.extend({e('list', depth - 1)})"
        if form == 11:
            # None of them fails: which pair is compared first is open.
            order = self.pick(["(a, b) => len(string(a)) - len(string(b))", "(a, b) => 0",
                               "(a, b) => string(a) < string(b) ? -1 : string(a) > string(b) ? 1 : 0"])
            return f"{e('list', depth - 1)}.sort({order})"
        if form == 12:
            return f"[1, 2, 3].map({self.pick(['string', 'typeof', 'abs', 'print'])})"
        if form == 13:
            return f"sort([{{a: {e('int', depth - 2)}}}, {{a: {e('int', depth - 2)}}}], \"a\"{self.pick(['', ', true'])})"
        return f"[{e('int', depth - 1)}]"

    def map_expression(self, depth):
        items = []
        for _ in range(self.random.randint(0, 3)):
            key = self.pick(KEYS + ["1", "-1", '"key"', '"é"'])
            items.append(f"{key}: {self.expression('any', depth - 1)}")
        return "{" + ", ".join(items) + "}"

    def fn_expression(self, depth):
        return self.function_expression(self.random.randint(0, 2), depth - 1)

    def any_expression(self, depth):
        e = self.expression
        form = self.random.randint(0, 9)
        if self.has_data and self.chance(0.2):
            return f"({self.match_expression(depth)})"
        if form == 0:
            return f"{e('map', depth - 1)}.{self.pick(KEYS)}"
        if form == 1:
            return f"{e('map', depth - 1)}[{self.leaf(self.pick(['str', 'int']))}]"
        if form == 2:
            return f"{e('list', depth - 1)}[{self.index(depth)}]"
        if form == 3:
            return self.call(depth)
        if form == 4:
            return f"get({e('map', depth - 1)}, {self.leaf('str')}{self.pick(['', ', 5'])})"
        if form == 5:
            return f"error({e('str', depth - 1)}{self.pick(['', ', ' + chr(34) + 'MyError' + chr(34)])}){self.pick(['', '.kind', '.line'])}"
        if form == 6:
            maps = self.names("map")
            if maps:
                return f"{self.pick(maps).text}.{self.pick(['remove(' + self.leaf('str') + ')', 'has(1)', 'a', 'k(1)', 'len()'])}"
        if form == 7:
            lists = self.names("list")
            if lists:
                return f"{self.pick(lists).text}.{self.pick(['pop()', 'remove(0)', 'first()', 'last()', 'push(7)'])}"
        if form == 8:
            return f"print({self.leaf('any')})"
        return e(self.pick(TYPES[:8]), depth - 1)

    # ---- Statements ----------------------------------------------------------------------------

    def block(self, scope, size):
        self.scopes.append(scope)
        self.indent += 1
        for _ in range(size):
            self.statement()
        self.indent -= 1
        self.scopes.pop()

    def size(self):
        return self.random.randint(0, 4) if self.indent < 4 else self.random.randint(0, 2)

    def statement(self):
        self.statements += 1
        if self.statements > self.limit or self.indent > 7:
            self.print_names()
            return
        weighted = [(self.let, 20), (self.assign, 16), (self.compound, 10), (self.print_statement, 12),
                    (self.branch, 8), (self.while_loop, 5), (self.for_each, 8), (self.attempt, 10),
                    (self.function, 7), (self.effect, 6), (self.destructure, 6), (self.plain_block, 2),
                    (self.print_names, 3), (self.throw, 3 if self.indent > 0 else 1)]
        if self.has_data:
            weighted += [(self.data_declaration, 8), (self.let_data, 8), (self.change_data, 8), (self.show_data, 8)]
        if self.functions:
            weighted.append((self.give_back, 6))
        if self.awaits:
            weighted += [(self.task, 8), (self.hold, 2)]
        if self.loops:
            weighted.append((self.leave_loop, 6))
        makers, weights = zip(*weighted)
        self.random.choices(makers, weights)[0]()

    def let(self):
        kind = self.pick(TYPES)
        const = self.chance(0.2)
        text = self.fresh(kind)
        if self.redeclares_const(text, const):
            return
        note = f": {self.pick(ANNOTATIONS[kind])}" if self.chance(0.15) else ""
        if kind == "fn" and self.chance(0.4):
            self.closure(text)
            return
        if kind == "fn":
            arity = self.random.randint(0, 2)
            value = self.function_expression(arity, 2)
            self.emit(f"{'const' if const else 'let'} {text}{note} = {value}")
            self.declare(text, "fn", arity, const)
            return
        if not const and not note and self.chance(0.05):
            self.emit(f"let {text}")
            self.declare(text, "any")
            return
        self.emit(f"{'const' if const else 'let'} {text}{note} = {bare(self.expression(kind, self.random.randint(0, 3)))}")
        self.declare(text, kind, None, const)

    def closure(self, text):
        """A function with a body of statements, over what is visible here."""
        names = [n for n in self.visible() if n.kind == "int" and not n.const]
        form = self.pick(["let {} = () => {{", "let {} = action() {{", "let {} = function() {{"])
        self.emit(form.format(text))
        loops, self.loops = self.loops, 0
        self.functions += 1
        self.indent += 1
        for name in self.random.sample(names, min(len(names), 2)):
            self.emit(f"{name.text} {self.pick(['=', '+=', '-='])} {self.literal('int')}")
        self.indent -= 1
        self.block([], self.size())
        self.indent += 1
        self.emit(f"return {self.expression('int', 2)}")
        self.indent -= 1
        self.functions -= 1
        self.loops = loops
        self.emit("}")
        self.declare(text, "fn", 0)
        if self.chance(0.6):
            self.emit(f"fs.push({text})")

    def task(self):
        """A task in a variable, awaited soon, again later, or never."""
        text = self.fresh("task")
        if self.redeclares_const(text, False):
            return
        self.emit(f"let {text} = {self.pick(['later(%s)' % self.leaf('int'), 'failing(%s)' % self.leaf('any'), self.plain_call(3)])}")
        self.declare(text, "task")
        form = self.random.randint(0, 5)
        if form <= 1:
            self.emit(f"print(typeof({text}), await {text}, {text} == {text})")
        elif form <= 3:  # each way it ends, it ends so again
            for _ in range(2):
                self.emit(f"try {{ print(await {text}) }} catch (e) {{ print(e, typeof(e) == \"error\" ? e.line : 0) }}")

    def hold(self):
        self.emit(f"held = {self.pick(['null', 'later(1)', 'later(2)', '5'] + [n.text for n in self.names('task')])}")

    def plain_let(self):
        kind = self.pick(["int", "int", "float", "str", "bool", "list", "list", "map"])
        text, const = self.fresh(kind), self.chance(0.1)
        if not self.redeclares_const(text, const):
            self.emit(f"{'const' if const else 'let'} {text} = {self.literal(kind)}")
            self.declare(text, kind, None, const)

    def destructure(self):
        if self.chance(0.6):
            count = self.random.randint(1, 3)
            names = []
            for _ in range(count):
                text = self.fresh("any")
                if text not in names:
                    names.append(text)
            rest = self.fresh("list") if self.chance(0.3) else None
            if rest in names:
                rest = None
            if any(self.redeclares_const(t, False) for t in names + [rest]):
                return
            value = "[" + ", ".join(self.expression("any", 1) for _ in range(
                len(names) + (self.pick([0, 1, 2]) if rest else self.pick([0, 0, 0, 0, 1])))) + "]"
            if self.chance(0.1):
                value = self.expression("any", 1)
            self.emit(f"let [{', '.join(names + (['...' + rest] if rest else []))}] = {value}")
            for text in names:
                self.declare(text, "any")
            if rest:
                self.declare(rest, "list")
            return
        one, two = self.fresh("any"), self.fresh("any")
        if one == two or self.redeclares_const(one, False) or self.redeclares_const(two, False):
            return
        self.emit(f"let {{a: {one}, b: {two}}} = {self.expression('map', 1)}")
        self.declare(one, "any")
        self.declare(two, "any")

    def assign(self):
        form = self.random.randint(0, 9)
        names = [n for n in self.visible() if not n.const or self.chance(0.1)]
        if form <= 5 and names:
            name = self.pick(names)
            if name.kind == "fn" and name.arity is not None:
                self.emit(f"{name.text} = {self.function_expression(name.arity, 2)}")
                return
            self.emit(f"{name.text} = {bare(self.expression(name.kind, 3))}")
        elif form <= 7 and self.names("list"):
            self.emit(f"{self.pick(self.names('list')).text}[{self.index(2)}] = {bare(self.expression('any', 2))}")
        elif self.names("map"):
            key = self.pick(["." + self.pick(KEYS), f"[{self.expression(self.pick(['str', 'int']), 1)}]"])
            self.emit(f"{self.pick(self.names('map')).text}{key} = {bare(self.expression('any', 2))}")
        elif self.chance(0.05):
            self.emit(f"{self.pick(['unknown', 'abs'])} = {self.expression('any', 1)}")

    def compound(self):
        names = [n for n in self.visible() if n.kind in ("int", "float", "str", "list", "any")
                 and (not n.const or self.chance(0.1))]
        if self.chance(0.3) and self.names("map"):
            target = self.pick(self.names("map")).text + self.pick([".a", ".count", '["k"]', "[1]"])
            self.emit(f"{target} {self.pick(['+=', '-=', '*=', '/=', '%=', '**='])} {self.expression('int', 2)}")
        elif self.chance(0.3) and self.names("list"):
            target = f"{self.pick(self.names('list')).text}[{self.index(2)}]"
            self.emit(f"{target} {self.pick(['+=', '-=', '*='])} {self.expression('int', 2)}")
        elif names:
            name = self.pick(names)
            operators = {"str": ["+="], "list": ["+="]}.get(name.kind, ["+=", "-=", "*=", "/=", "%=", "**="])
            self.emit(f"{name.text} {self.pick(operators)} {bare(self.expression(name.kind, 2))}")

    def print_statement(self):
        values = ", ".join(self.expression("any", self.random.randint(0, 3)) for _ in range(self.random.randint(1, 3)))
        self.emit(f"print {values}" if self.chance(0.3) and not values.startswith("(") else f"print({values})")

    def print_names(self):
        names = [n.text for n in self.visible() if n.kind != "fn"]
        self.random.shuffle(names)
        if names:
            self.emit(f"print({', '.join(names[:5])})")

    def condition(self):
        text = bare(self.expression("bool", 2))
        return text if is_balanced(text) and "{" not in text and "=>" not in text else f"({text})"

    def branch(self):
        self.emit(f"if {self.condition()} {{")
        self.block([], self.size())
        while self.chance(0.3):
            self.emit(f"}} {self.pick(['elif', 'else if'])} {self.condition()} {{")
            self.block([], self.size())
        if self.chance(0.5):
            self.emit("} else {")
            self.block([], self.size())
        self.emit("}")

    def while_loop(self):
        self.serial += 1
        counter = f"w{self.serial}"
        self.emit(f"let {counter} = {self.random.randint(0, 4)}")
        extra = f" && {self.expression('bool', 1)}" if self.chance(0.3) else ""
        first = self.pick([f"{counter} > 0", f"{counter} != 0", f"0 < {counter}", f"!({counter} == 0)", f"({counter} >= 1)"])
        self.emit(f"while {first}{extra} {{")
        self.indent += 1
        self.emit(f"{counter} -= 1")
        self.indent -= 1
        self.loops += 1
        self.block([Name(counter, "int", None, True)], self.size())  # const here: nobody assigns it
        self.loops -= 1
        self.emit("}")

    def for_each(self):
        kind = self.pick(["list", "list", "map", "str"])
        one = self.fresh("item")
        two = self.fresh("any")
        pair = self.chance(0.4) and one != two
        over = self.expression(kind, 2)
        names = self.names(kind)
        if names and self.chance(0.3):
            over = self.pick(names).text
        self.emit(f"for each {one + ', ' + two if pair else one} in {over} {{")
        self.loops += 1
        self.block([Name(one, "any")] + ([Name(two, "any")] if pair else []), self.size())
        self.loops -= 1
        self.emit("}")

    def attempt(self):
        self.emit("try {")
        self.block([], self.size() + 2)
        form = self.random.choice([0, 0, 0, 2, 2, 1])
        if form != 1:
            self.emit(self.pick(["} catch (e) {", "} catch e {"]))
            self.indent += 1
            if self.chance(0.8):
                self.emit('print(typeof(e) == "error" ? [e.kind, e.message, e.line, e.column] : e)')
            self.indent -= 1
            self.block([Name("e", "any")], self.size())
        if form != 0:
            self.emit("} finally {")
            self.block([], self.size())
        self.emit("}")

    def function(self):
        text = self.fresh("fn")
        if self.redeclares_const(text, False):
            return
        arity = self.random.randint(0, 3)
        params, noted = [], []
        for i in range(arity):
            param = self.pick(["x", "y", "a", "b", "n"]) + (str(i) if i else "")
            kind = "int" if self.chance(0.9) else "any"
            params.append(Name(param, kind))
            noted.append(param + (f": {self.pick(ANNOTATIONS[kind])}" if self.chance(0.1) else ""))
        result = f" -> {self.pick(['int', 'any', 'string', 'list'])}" if self.chance(0.1) else ""
        prefix = "async " if self.awaits and self.chance(0.4) else ""
        self.emit(f"{prefix}{self.pick(['action', 'function'])} {text}({', '.join(noted)}){result} {{")
        loops, self.loops = self.loops, 0
        self.functions += 1
        scope = params
        if arity and self.chance(0.3):  # recursion with a counter
            self.indent += 1
            self.emit(f"if typeof({params[0].text}) != \"integer\" || {params[0].text} <= 0 || {params[0].text} > 9 {{ return {self.expression('any', 0)} }}")
            rest = "".join(", 1" for _ in params[1:])
            again = "await " if self.awaits and self.chance(0.7) else ""
            self.emit(f"let r = {again}{text}({params[0].text} - 1{rest})")
            self.indent -= 1
            scope = params + [Name("r", "any", None, True)]
        self.block(scope, self.size())
        if self.chance(0.6):
            self.indent += 1
            self.scopes.append(scope)
            self.emit(f"return {self.expression('int' if self.chance(0.7) else self.pick(['any', 'fn']), 2)}")
            self.scopes.pop()
            self.indent -= 1
        self.functions -= 1
        self.loops = loops
        self.emit("}")
        self.declare(text, "fn", arity)

    def effect(self):
        form = self.random.randint(0, 3)
        lists, maps = self.names("list"), self.names("map")
        if form == 0 and lists:
            self.emit(f"push({self.pick(lists).text}, {self.expression('any', 2)})")
        elif form == 1 and maps:
            self.emit(f"{self.pick(maps).text}.remove({self.leaf('str')})")
        elif form == 2 and lists:
            self.emit(f"{self.pick(lists).text}.{self.pick(['pop()', 'reverse()', 'insert(0, 9)', 'extend([1, 2])'])}")
        else:
            self.emit(self.call(3))

    def plain_block(self):
        self.emit("{")
        self.block([], self.size())
        self.emit("}")

    def throw(self):
        self.emit(f"throw {self.pick([self.expression('any', 1), 'error(' + self.leaf('str') + ')'])}")

    def give_back(self):
        self.emit(f"return {bare(self.expression('any', 2))}" if self.chance(0.8) else "return")

    def leave_loop(self):
        word = self.pick(["break", "continue"])
        if self.chance(0.5):
            self.emit(f"if {self.expression('bool', 1)} {{ {word} }}")
        else:
            self.emit(word)

    def text(self):
        self.lines += PROLOGUE.splitlines()
        self.use_modules()
        self.scopes = [[Name("g0", "int"), Name("gl", "list"), Name("gm", "map"), Name("t", "fn", 1),
                        Name("bump", "fn", 1), Name("swap", "fn", 1), Name("gf", "fn", 1)]]
        late = self.random.randint(0, self.limit)
        while self.statements <= self.limit:
            choice = self.random.random()
            if self.statements >= late:
                late = 1 << 30
                self.emit("action late(v) { return v + 1 }")
            if choice < 0.05:
                self.statement()
            elif choice < 0.35:
                self.plain_let()
            elif choice < 0.5:
                self.function()
            elif self.has_data and choice < 0.6:
                self.data_declaration()
            elif self.has_data and choice < 0.68:
                self.let_data()
            else:
                self.attempt()
        self.print_names()
        self.emit("print(call_all(fs.slice(0, 6)), g0, gl, gm)")
        return "\n".join(self.lines) + "\n"


class Program(ModuleParts, DataParts, Grower):
    def __init__(self, seed, has_modules=None):
        super().__init__(seed)
        self.modules, self.imported = [], []
        if has_modules is None:
            has_modules = random.Random(~seed).random() < 0.25
        if has_modules:
            self.make_modules(seed)


def make(seed):
    """The text of a program; behind lines "//// NAME" those of its modules."""
    made = Program(seed)
    return made.with_modules(made.text())
