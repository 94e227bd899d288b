"""Random programs in two forms that must print the same: one calls and uses values, one goes through isolates.

A case has declarations, which both forms have in the same lines, and steps, each of which is independent of the
others and has one text a form: `f(a)` and `await spawn f(a)`, a value and the same value sent and received. Values
are graphs, with sharing and cycles; `trace`, an action of the programs, writes a value down so that these show.
Where what is sent cannot be sent, the direct form prints what docs/LANGUAGE.md says of it: path_to_refusal follows the
order in which parcels are packed. Actions with bodies of many statements come from program.Grower.
"""
import random
import re

import program

# What both forms have: of a value that changes, each use is of a new one (v1()), so that copies do not show.
SHARED = """data D0 { a = null, b = null, mark = null, action both() { return "${typeof(this.a)} ${typeof(this.b)}" } }
data D1 extends D0 { c = 7 }
data D2 { n: int = 3, a = null, b = null, mark = null, action both() { return "${this.n}" } }
action id(v) { return v }
action thrower(v) { throw v }
action catch_of(v) {
  try { thrower(v) } catch (e) { return e }
  return "not thrown"
}
async action later_on(v) { return v }
action apply(f, p) {
  return match len(p) { 0 => f(), 1 => f(p[0]), 2 => f(p[0], p[1]), _ => f(p[0], p[1], p[2]) }
}
action keep1(r) {
  let kind = typeof(r)
  return kind == "integer" || kind == "float" || kind == "string" || kind == "boolean" || kind == "null" ? r : string(r)
}
action keep(r) { return typeof(r) == "list" ? r.map(keep1) : keep1(r) }
action text_of(s) {
  let size = len(s)
  if (size < 60) { return "'${s}'" }
  return "${size} ${s.substring(0, 20)}..${s.substring(size - 20)} ${len(split(s, "a"))} ${s == s.upper()}"
}
action trace(v) {
  let todo = [v]
  let out = []
  let errors = []
  let n = 0
  let i = 0
  while (i < len(todo)) {
    let o = todo[i]
    i += 1
    let kind = typeof(o)
    if (kind == "list") {
      let size = len(o)
      if (size > 0 && typeof(o[size - 1]) == "string" && starts_with(o[size - 1], "#")) {
        out.push(o[size - 1])
      } else {
        n += 1
        out.push("list${n}:${size}")
        for each x in o { todo.push(x) }
        o.push("#${n}")
      }
    } elif (kind == "map") {
      if (has(o, "#")) {
        out.push(o["#"])
      } else {
        n += 1
        out.push("map${n}:${len(o)}")
        for each k, x in o {
          todo.push(k)
          todo.push(x)
        }
        o["#"] = "#${n}"
      }
    } elif (kind == "data") {
      if (o.mark != null) {
        out.push(o.mark)
      } else {
        n += 1
        out.push("${type(o)}${n}(${o.both()})")
        todo.push(o.a)
        todo.push(o.b)
        if (type(o) == "D1") { todo.push(o.c) }
        o.mark = "#${n}"
      }
    } elif (kind == "error") {
      let same = 0
      for each at, e in errors { if (e == o) { same = at + 1 } }
      out.push(same > 0 ? "error#${same}" : "error ${o.kind} ${text_of(o.message)} ${o.line}:${o.column}")
      if (same == 0) { errors.push(o) }
    } elif (kind == "isolate") {
      out.push(o == self() ? "self" : "isolate")
    } else {
      out.push(kind == "string" ? text_of(o) : "${kind} ${o}")
    }
  }
  return len(out) < 200 ? out.join(" ") : "${len(out)} of them: ${out.slice(0, 100).join(" ")}"
}
action show(f) {
  try {
    print(trace(f()))
  } catch (e) {
    print("thrown", trace(e))
  }
}
action show_kind(f) {
  try {
    print(trace(f()))
  } catch (e) {
    print(e.kind, e.message)
  }
}
action texts_here(s, n) {
  let got = []
  for each i in range(n) {
    got.push([s, s, i, "${s}!"])
    s += i % 2 == 0 ? "é" : "y"
    got.push(s.substring(1))
  }
  return got
}
action tree(n) { return n == 0 ? 1 : tree(n - 1) + tree(n - 1) }
"""

# How calls and values travel; the direct form has empty lines in its place.
TRAVEL = """action through_self(v) {
  send(self(), v)
  return receive()
}
action through_self_in_time(v) {
  send(self(), v, 600000)
  return receive(600000)
}
action echo_once() {
  let m = receive()
  return send(m["to"], m["v"])
}
action echo(v) {
  let e = spawn echo_once()
  send(e, {"to": self(), "v": v})
  let got = receive()
  return await e ? got : "not sent"
}
action hop(to) { return send(to, receive()) }
action hops(v) {
  let first = self()
  for each i in range(4) { first = spawn hop(first) }
  send(first, v)
  return receive(600000)
}
action thrown(v) {
  try { await spawn thrower(v) } catch (e) { return e }
  return "not thrown"
}
action captured(w) { return await spawn apply(() => w, []) }
action twice(v) {
  let p = spawn id(v)
  return [await p, await p]
}
action watched(v) {
  let p = monitor(spawn thrower(v))
  let m = receive()
  return m["exit"] == p && m["reason"] == "error" ? m["error"] : m["reason"]
}
action finished(v) {
  let p = spawn id(v)
  monitor(p)
  let m = receive()
  return [m["reason"], m["error"], m["exit"] == p, await p, send(p, 1)]
}
action gather(n) {
  let got = []
  for each i in range(n) { got.push(receive()) }
  return got
}
action many(values) {
  let g = spawn gather(len(values))
  for each v in values { send(g, v) }
  return await g
}
action produce(to, v, n) {
  for each i in range(n) { send(to, i % 7 == 3 ? [i, v] : i) }
  send(to, "end")
}
action pump(v, n) {
  let p = spawn produce(self(), v, n)
  let sum = 0
  let last = null
  let m = receive()
  while (m != "end") {
    if (typeof(m) == "list") { last = m[1] }
    sum += typeof(m) == "list" ? m[0] : m
    m = receive()
  }
  await p
  return [sum, last]
}
action texts(s, n) {
  let got = []
  for each i in range(n) {
    send(self(), [s, s, i])
    let g = spawn id(s)
    s += i % 2 == 0 ? "é" : "y"
    let m = receive()
    m.push(await g + "!")
    got.push(m)
    got.push(await spawn apply((a, b) => a.substring(b), [s, 1]))
  }
  return got
}
action serve() {
  while (true) {
    let m = receive()
    if (m == null) { return "served" }
    try { send(m["from"], {"ok": dispatch(m["f"], m["p"])}) } catch (e) { send(m["from"], {"error": e}) }
  }
}
action ask(name, p) {
  let s = spawn serve()
  send(s, {"from": self(), "f": name, "p": p})
  let r = receive()
  send(s, null)
  if (await s != "served") { return "not served" }
  if (has(r, "error")) { throw r["error"] }
  return r["ok"]
}
action tree_of(n) {
  if (n == 0) { return 1 }
  let left = spawn tree_of(n - 1)
  let right = spawn tree_of(n - 1)
  return await left + await right
}
"""

# Ways of a value: what the direct form does, what the other does.
WAYS = [("{v}", "await spawn id({v})"), ("{v}", "through_self({v})"), ("{v}", "through_self_in_time({v})"),
        ("{v}", "echo({v})"), ("{v}", "hops({v})"), ("catch_of({v})", "thrown({v})"),
        ("catch_of({v})", "watched({v})"), ("{v}", "captured({v})"), ("[{v}, {v}]", "twice({v})"),
        ('["finished", null, true, {v}, false]', "finished({v})"), ("{v}", "await spawn apply(q => q, [{v}])"),
        ("{v}", "await spawn id(await spawn id({v}))"), ("[{v}, null, {v}]", "many([{v}, null, {v}])"),
        ("[{v}, {v}]", "[await spawn id({v}), through_self({v})]")]

# Actions that fail, each in its way.
FAILURES = ["return 1 / (n - n)", "return [1][n + 1]", 'throw error("é${n}", "OwnError")', 'throw [n, "x", [n]]',
            "return no_such_name", 'return n + "a" - 1', 'require(n > 100000, "no ${n}")', 'return match n { "z" => 1 }',
            "return D0().nope", 'return int("x${n}")', "return 9223372036854775807 + (n * 0 + 1)", "throw null",
            'throw "plain"', 'let e = error("late", "KindOf" + "It")\n  throw e', "return {}[[]]", "return D2(n=\"x\")",
            'try { return 1 % 0 } finally { n += 1 }', 'throw D0(n, [n])', "return fail_deep(n)", 'throw error("a" * 3000)']

STRINGS = ['""', '"a"', '"é"', '"日本語😀"', '"x\\ty\\n"', '"null"', '"0"', '"count"', '"abc" * 20', '"aé" * 700', '"b" * 1025',
           "'${raw}'", '"\\u{10FFFF}\\u{0}"', '"k" * 255', '"k" * 256', '"é" * 128']
TEXTS = [f'"{unit}" * {count}' for unit, count in (
    ("a", 1), ("b", 200), ("c", 1022), ("c", 1023), ("c", 1024), ("c", 1025), ("é", 511), ("é", 512), ("日a", 300), ("d", 4090),
    ("d", 4096), ("ef", 2049), ("q", 8191), ("é", 5000), ("gh", 7000))]
KEYS = ['"a"', '"b"', '"key"', '"é"', "1", "-1", "0", "9223372036854775807", '"1"', '"k" * 64', '"k" * 65', '""']
HUGE = ['"x" * 1048577', '"aé" * 400000', "range(7000)", "range(9000).map(x => x * 0.5)", "range(1500).map(x => [x])",
        'range(1500).map(x => "t${x}")']


# ---- Values ---------------------------------------------------------------------------------------------

class Node:
    """An object of a value. kind: scalar, list, map, data, error, function, task; parts: [(step, Node)]."""

    def __init__(self, kind, text):
        self.kind, self.text, self.parts = kind, text, []
        self.first = []  # lines that come behind the one that makes it


def key_step(key):
    """The step of an error's path for the text of a key."""
    value = eval(key)  # one of KEYS
    if isinstance(value, int):
        return f"[{value}]"
    return '["..."]' if len(value.encode()) > 64 else f'["{value}"]'


def path_to_refusal(root, name, allows_functions):
    """(path, noun) of what cannot be sent, as the library looks for it, or None. Nothing twice, breadth first."""
    steps_max = 16
    found, items = {}, []

    def refused(node, parent, step):
        if node.kind == "task" or node.kind == "function" and not allows_functions:
            steps = [step] if parent is not None else []
            while parent is not None and parent[1] is not None:
                steps.append(parent[2])
                parent = parent[1]
            cut = "..." if len(steps) > steps_max else ""
            return name + cut + "".join(reversed(steps[:steps_max])), f"a {node.kind}"
        if node.kind not in ("scalar", "function") and node not in found:
            found[node] = True
            items.append((node, parent, step))
        return None

    refusal = refused(root, None, "")
    at = 0
    while refusal is None and at < len(items):
        item = items[at]
        at += 1
        for step, part in item[0].parts:
            refusal = refusal or refused(part, item, step)
    return refusal


class Values:
    """Makes actions v1(), v2(), … each of which gives a new value of its own form."""

    def __init__(self, rng, is_small):
        self.random, self.is_small, self.lines, self.count = rng, is_small, [], 0
        self.is_huge = False

    def scalar(self):
        form = self.random.randint(0, 9)
        if form <= 2:
            return self.random.choice(program.INTS)
        if form <= 4:
            return self.random.choice(program.FLOATS)
        if form <= 7:
            return self.random.choice(STRINGS)
        return self.random.choice(["null", "true", "false", "self()"])

    def container(self):
        form = self.random.randint(0, 11)
        if form <= 3:
            return Node("list", "[]")
        if form == 4:
            return Node("list", self.random.choice(["[1, 2, 3]", "range(9)", "[5]", "range(-3, 40, 3)"]))
        if form == 5:
            return Node("list", self.random.choice(["[0.5, -0.0]", "[1.5, float(\"nan\")]", '["a", "b"]']))
        if form <= 8:
            node = Node("map", "{}")
            if self.random.random() < 0.3:
                node.first = ['["gone"] = 1', '.remove("gone")']
            return node
        if form <= 10:
            return Node("data", self.random.choice(["D0()", "D1()", "D2()", "D2(n=-7)"]))
        message = self.random.choice(STRINGS[:10])
        return Node("error", f"error({message}{self.random.choice(['', ', ' + chr(34) + 'Own' + chr(34), ', ' + chr(34) + 'TypeError' + chr(34)])})")

    def graph(self, bad):
        """Some objects, the first of which is the root, that lead to each other at random."""
        count = self.random.choice([1, 1, 2, 3, 4, 6, 10, 18, 40])
        nodes = [self.container() for _ in range(count)]
        holders = [n for n in nodes if n.kind in ("list", "map", "data")]
        lines = []

        def put(holder, part, text):
            name = f"n{nodes.index(holder)}"
            if holder.kind == "list":
                known = {"[1, 2, 3]": 3, "range(9)": 9, "[5]": 1, "range(-3, 40, 3)": 15}.get(holder.text)
                start = known if known is not None else (0 if holder.text == "[]" else 2)
                holder.parts.append((f"[{start + len(holder.parts)}]", part))
                lines.append(f"  {name}.push({text})")
            elif holder.kind == "map":
                key = self.random.choice(KEYS)
                step = key_step(key)
                same = [i for i, (s, _) in enumerate(holder.parts) if s == step and key_of[holder, i] == key]
                if same:
                    holder.parts[same[0]] = (step, part)
                else:
                    key_of[holder, len(holder.parts)] = key
                    holder.parts.append((step, part))
                lines.append(f"  {name}[{key}] = {text}")
            else:
                field = self.random.choice(["a", "b"])
                rest = [p for p in holder.parts if p[0] != f".{field}"] + [(f".{field}", part)]
                holder.parts = sorted(rest, key=lambda p: p[0])
                lines.append(f"  {name}.{field} = {text}")

        key_of = {}
        for node in nodes[1:]:  # each is reached from one before it, if that can hold it
            earlier = [h for h in holders if nodes.index(h) < nodes.index(node)]
            if earlier:
                put(self.random.choice(earlier), node, f"n{nodes.index(node)}")
        for _ in range(self.random.randint(0, 2 * len(nodes))):
            if not holders:
                break
            holder = self.random.choice(holders)
            if self.random.random() < 0.4:
                node = self.random.choice(nodes)  # shared, or a cycle
                put(holder, node, f"n{nodes.index(node)}")
            else:
                put(holder, Node("scalar", ""), self.scalar())
        if bad and holders:
            for _ in range(self.random.randint(1, 3)):
                form = self.random.choice(bad)
                put(self.random.choice(holders), Node(form[0], form[1]), form[1])
        made = []
        for i, node in enumerate(nodes):
            made.append(f"  let n{i} = {node.text}")
            made += [f"  n{i}{line}" for line in node.first]
        return nodes[0], made + lines + ["  return n0"]

    def make(self, bad=None):
        """(the name of an action that gives it, its root)."""
        self.count += 1
        name = f"v{self.count}"
        if bad is None and self.random.random() < 0.25:
            text = self.scalar()
            if not self.is_small and self.random.random() < 0.05:
                self.is_huge = True
                text = self.random.choice(HUGE)
            self.lines.append(f"action {name}() {{ return {text} }}")
            return name, Node("scalar", "")
        root, lines = self.graph(bad)
        self.lines += [f"action {name}() {{", *lines, "}"]
        return name, root


# ---- Actions --------------------------------------------------------------------------------------------

OF_PROLOGUE = re.compile(r"\b(t|bump|swap|gf|early|next|g0|gl)\b")
ASSIGNS_GLOBAL = re.compile(r"\b(unknown|abs) [-+*/%]*=[^=]")


class Body(program.Grower):
    """The inside of an action that uses nothing from outside."""

    def __init__(self, seed):
        super().__init__(seed)
        self.awaits = self.has_data = False
        self.limit = self.random.choice([4, 8, 15, 25])

    def literal(self, kind):
        text = super().literal(kind)
        while OF_PROLOGUE.search(text):
            text = super().literal(kind)
        return text

    def closure(self, text):
        self.emit(f"let {text} = () => {self.literal('int')}")
        self.declare(text, "fn", 0)

    def whole(self, name):
        self.scopes = [[]]
        self.emit(f"action {name}(x, y) {{")
        self.functions = 1
        scope = [program.Name("x", "int"), program.Name("y", "int")]
        self.block(scope, self.random.randint(1, 6))
        self.scopes.append(scope)
        self.emit(f"  return {self.expression(self.pick(['int', 'any', 'list', 'str']), 3)}")
        self.emit("}")
        return self.lines


def grow(seed, name):
    for salt in range(100):
        lines = Body(seed * 100 + salt).whole(name)
        if not ASSIGNS_GLOBAL.search("\n".join(lines)):
            return lines
    return [f"action {name}(x, y) {{ return x }}"]


class Action:
    def __init__(self, name, arity, prints, fails_with_error=False):
        self.name, self.arity, self.prints, self.fails_with_error = name, arity, prints, fails_with_error


# ---- Cases ----------------------------------------------------------------------------------------------

class Step:
    """The same number of lines in both forms."""

    def __init__(self, direct, talking):
        assert len(direct) == len(talking)
        self.direct, self.talking = direct, talking


class Case:
    def __init__(self, seed, is_small):
        self.random = random.Random(seed)
        self.seed = seed
        self.values = Values(self.random, is_small)
        self.actions, self.action_lines, self.const_lines, self.steps = [], [], [], []
        self.make_actions()
        makers = [(self.value_step, 10), (self.call_step, 8), (self.refusal_step, 4), (self.fan_out_step, 4),
                  (self.constant_step, 2), (self.pump_step, 2), (self.count_step, 1), (self.tree_step, 1), (self.text_step, 3),
                  (self.cell_step, 1)]
        chosen, weights = zip(*makers)
        for _ in range(self.random.randint(6, 20)):
            self.steps.append(self.random.choices(chosen, weights)[0]())
        self.last = self.end_step()

    def make_actions(self):
        for i in range(self.random.randint(1, 4)):
            lines = grow(self.seed * 8 + i, f"body{i}")
            self.action_lines += lines
            self.action_lines += [f"action grown{i}(x, y) {{",
                                  f"  try {{ return keep(body{i}(x, y)) }} catch (e) {{ throw typeof(e) == \"error\" ? e : keep(e) }}",
                                  "}"]
            self.actions.append(Action(f"grown{i}", 2, "print" in "\n".join(lines)))
        self.action_lines.append("action fail_deep(n) { return n > 40 ? [][n] : 1 + fail_deep(n + 1) }")
        for i, body in enumerate(self.random.sample(FAILURES, 5)):
            self.action_lines += f"action fail{i}(n) {{\n  {body}\n}}".split("\n")
            self.actions.append(Action(f"fail{i}", 1, False, not body.startswith("throw") or "throw error(" in body))
        arms = ", ".join(f'"{a.name}" => {a.name}({", ".join(f"p[{i}]" for i in range(a.arity))})' for a in self.actions)
        self.action_lines.append(f"action dispatch(name, p) {{ return match name {{ {arms} }} }}")

    def argument(self):
        return self.random.choice(program.INTS + program.FLOATS[:6] + program.STRINGS[:6] + ["[1, 2]", "[]", "{a: 1}"])

    def call(self):
        action = self.random.choice(self.actions)
        return action, [self.argument() if action.arity == 2 else str(self.random.randint(0, 9)) for _ in range(action.arity)]

    def call_step(self):
        action, arguments = self.call()
        listed = ", ".join(arguments)
        direct = f"{action.name}({listed})"
        talking = self.random.choice([f"await spawn {action.name}({listed})", f"await spawn apply({action.name}, [{listed}])",
                                      f'ask("{action.name}", [{listed}])',
                                      f"await spawn apply(() => {action.name}({listed}), [])"])
        return Step([f"show(() => {direct})"], [f"show(() => {talking})"])

    def value_step(self):
        name, _ = self.values.make()
        direct, talking = self.random.choice(WAYS)
        return Step([f"show(() => {direct.format(v=name + '()')})"], [f"show(() => {talking.format(v=name + '()')})"])

    def constant_step(self):
        name, _ = self.values.make()
        self.const_lines += [f"const K_{name} = {name}()", f"action get_{name}() {{ return K_{name} }}"]
        return Step([f"show(() => get_{name}())"], [f"show(() => await spawn get_{name}())"])

    def pump_step(self):
        name, _ = self.values.make()
        count = self.random.choice([4, 30, 200])
        return Step([f"show(() => [{count * (count - 1) // 2}, {name}()])"], [f"show(() => pump({name}(), {count}))"])

    def text_step(self):
        """Long strings may go by count: what becomes of the sender's is nothing to the receiver's."""
        text = self.random.choice(TEXTS)
        count = self.random.randint(1, 5)
        return Step([f"show(() => texts_here({text}, {count}))"], [f"show(() => texts({text}, {count}))"])

    def tree_step(self):
        depth = self.random.randint(0, 5)
        return Step([f"show(() => tree({depth}))"], [f"show(() => await spawn tree_of({depth}))"])

    def count_step(self):
        action = self.random.choice(self.actions)
        listed = ", ".join(["1"] * (action.arity + self.random.choice([-1, 1])))
        return Step([f"show_kind(() => {action.name}({listed}))"], [f"show_kind(() => spawn {action.name}({listed}))"])

    def cell_step(self):
        """A function with a variable that is assigned goes with nobody."""
        self.values.count += 1
        name = f"cell{self.values.count}"
        self.values.lines += [f"action {name}() {{", "  let n = 1", "  let f = () => n", "  n = 2", "  return f", "}"]
        message = "spawn: argument 1 is a variable that is assigned, which cannot be sent"
        return Step([f'print("TypeError", "{message}")'], [f"show_kind(() => await spawn apply({name}(), []))"])

    def refusal_step(self):
        way = self.random.randint(0, 3)
        tasks = [("task", "later_on(1)")]
        functions = tasks + [("function", f) for f in ("print", "x => x", "D0", "id", "len")]
        name, root = self.values.make(tasks if way == 0 else functions)
        what, noun = [("spawn", "argument 1"), ("send()", "message"), ("the end", "result"), ("the end", "result")][way]
        talking = ["await spawn id({})", "through_self({})", "await spawn {}()", "await spawn throws_{}()"][way]
        given = name if way >= 2 else f"{name}()"
        if way == 3:
            self.values.lines.append(f"action throws_{name}() {{ throw {name}() }}")
        refusal = path_to_refusal(root, noun, way == 0)
        talking = talking.format(given)
        if refusal is None:  # what is bad is not reached: it is a value like any other
            direct, talking = [(f"{name}()", f"await spawn id({name}())"), (f"{name}()", f"through_self({name}())"),
                               (f"{name}()", f"echo({name}())"), (f"catch_of({name}())", f"thrown({name}())")][way]
            return Step([f"show(() => {direct})"], [f"show(() => {talking})"])
        message = f"{what}: {refusal[0]} is {refusal[1]}, which cannot be sent".replace("\\", "\\\\").replace('"', '\\"')
        return Step([f'print("TypeError", "{message}")'], [f"show_kind(() => {talking})"])

    def fan_out_step(self):
        count = self.random.choice([2, 3, 8, 30])
        calls = [self.call() for _ in range(count)]
        calls = [(a, p) for a, p in calls if not a.prints] or [(self.actions[-1], ["1"])]
        order = list(range(len(calls)))
        self.random.shuffle(order)
        self.values.count += 1
        name = f"ws{self.values.count}"
        direct = ", ".join(f"() => {a.name}({', '.join(p)})" for a, p in calls)
        talking = ", ".join(f"spawn {a.name}({', '.join(p)})" for a, p in calls)
        return Step([f"let {name} = [{direct}]", f"for each k in {order} {{ show({name}[k]) }}"],
                    [f"let {name} = [{talking}]", f"for each k in {order} {{ show(() => await {name}[k]) }}"])

    def end_step(self):
        # What is no error has no place of its own: it is that of the await.
        failing = [a for a in self.actions if a.fails_with_error]
        lines = ["print(receive(0))"]
        if failing and self.random.random() < 0.3:
            call = f"{self.random.choice(failing).name}({self.random.randint(0, 9)})"
            return Step(lines + [call], lines + [f"await spawn {call}"])
        return Step(lines + [""], lines + [""])

    # ---- Texts ------------------------------------------------------------------------------------

    def text(self, is_talking, steps=None):
        shared = SHARED.splitlines() + self.values.lines + self.action_lines + self.const_lines
        travel = TRAVEL.splitlines() if is_talking else [""] * len(TRAVEL.splitlines())
        lines = []
        for step in (self.steps if steps is None else steps) + [self.last]:
            lines += step.talking if is_talking else step.direct
        return "\n".join(shared + travel + lines) + "\n"


# ---- What is refused when it is compiled ------------------------------------------------------------------

def refused_program(seed):
    """(text, line, message) of a program that the compiler must refuse."""
    rng = random.Random(seed)
    name = rng.choice(["work", "run_it", "w1"])
    variable = rng.choice(["count", "total", "n"])
    blank = [f"let other{i} = {i}" for i in range(rng.randint(0, 4))]
    form = rng.randint(0, 8)
    own = "'spawn' needs an action that is declared once, at the top level"
    call = "'spawn' needs a call of an action: spawn f(...)"
    if form <= 4:
        use = rng.choice([f"{variable} += 1", f"return {variable}", f"let f = () => {variable}\n  return f()",
                          f"if (false) {{ print({variable}) }}", f"return [1, {{a: {variable}}}]"])
        lines = [f"let {variable} = 0", *blank]
        inner = name
        if form >= 3:  # by way of another one
            inner = "helper"
            lines += [f"action {name}() {{ return helper() }}"]
        at = len(lines) + 2
        lines += [f"action {inner}() {{", *f"  {use}".split("\n"), "}"]
        lines += [f"{variable} = 5"] if "+=" not in use else []
        lines += [f"spawn {name}()"]
        return ("\n".join(lines) + "\n", at, f"'{variable}' is assigned: '{name}', which is spawned in line {len(lines)}, "
                "would have its own copy")
    if form == 5:
        lines = blank + [f"async action {name}() {{ return 1 }}", f"spawn {name}()"]
        return "\n".join(lines) + "\n", len(lines), f"'{name}' is async: 'spawn' needs a plain action"
    if form == 6:
        lines = blank + ["{", f"  action {name}() {{ return 1 }}", f"  spawn {name}()", "}"]
        return "\n".join(lines) + "\n", len(lines) - 1, own
    if form == 7:
        lines = blank + rng.choice([[f"action {name}() {{ return 1 }}", f"action {name}() {{ return 2 }}", f"spawn {name}()"],
                                    [f"let {name} = () => 1", f"spawn {name}()"], ["spawn print(1)"], ["spawn no_such()"], ["spawn [1](0)"], ["spawn (x => x)(1)"]])
        return "\n".join(lines) + "\n", len(lines), own
    lines = blank + [f"action {name}() {{ return 1 }}", f"spawn {rng.choice([name, '5', '[1]', name + ' + 1'])}"]
    return "\n".join(lines) + "\n", len(lines), call
