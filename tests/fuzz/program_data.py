"""The part of random programs that is about data declarations and match.

Mixed into program.Program. A declared type is a name of kind "type" that knows its fields and methods; an
instance is a name of kind "data" that knows its type, as far as the generator can tell: a variable may hold
something else by then, which is an error like any other. Methods may call each other without end: such a
program goes beyond what the model does and is left out.
"""

FIELDS = ["x", "y", "a", "b", "name", "next", "items", "count", "len"]
METHODS = ["get", "set", "sum", "step", "with", "x", "len", "clone", "toString", "equals", "if"]
FIELD_KINDS = ["int", "int", "int", "float", "str", "list", "map", "any", "bool"]
NOTES = {"int": ["int", "number", "float", "any"], "float": ["float", "num"], "str": ["string"],
         "bool": ["bool"], "list": ["list<int>", "array"], "map": ["map"], "any": ["any", "null"]}


class Type:
    """What the generator knows of a declared type. fields: [(name, kind)], methods: {name: arity}."""

    def __init__(self, text, fields, methods, required):
        self.text, self.fields, self.methods, self.required = text, fields, methods, required


class DataParts:
    this = None  # the type whose method is being written

    # ---- Names ---------------------------------------------------------------------------------

    def types(self):
        return [n for n in self.visible() if n.kind == "type"]

    def instances(self):
        return [n for n in self.visible() if n.kind == "data"]

    def declare_data(self, text, kind, known):
        self.declare(text, kind)
        self.scopes[-1][-1].type = known

    # ---- Declarations --------------------------------------------------------------------------

    def data_fields(self, parent, taken):
        fields, lines, required = [], [], 0
        inherited = {f for f, _ in parent.fields} if parent else set()
        for _ in range(self.random.randint(0, 4)):
            name, kind = self.pick(FIELDS), self.pick(FIELD_KINDS)
            if name in taken or (name in inherited and not self.chance(self.oddness)):
                continue
            taken.add(name)
            note = f": {self.pick(NOTES[kind])}" if self.chance(0.3) else ""
            default = ""
            if self.chance(0.5) or fields and lines[-1][1]:
                default = " = " + self.pick([self.literal(kind), self.expression(kind, 1), self.literal(kind)])
            if not default:
                required = len(fields) + 1
            fields.append((name, kind))
            lines.append((f"{name}{note}{default}", bool(default)))
        return fields, [line for line, _ in lines], required

    def data_method(self, name, arity, known):
        params = [self.pick(["p", "q", "x", "n"]) + (str(i) if i else "") for i in range(arity)]
        noted = [p + (": int" if self.chance(0.1) else "") for p in params]
        result = " -> int" if self.chance(0.05) else ""
        self.emit(f"{self.pick(['method', 'method', 'action', 'function'])} {name}({', '.join(noted)}){result} {{")
        saved = self.this, self.loops
        self.this, self.loops = known, 0
        self.functions += 1
        scope = [self.make_name(p, "int") for p in params]
        self.block(scope, self.random.randint(0, 2))
        self.indent += 1
        self.scopes.append(scope)
        if self.chance(0.5) and known.fields:
            field, kind = self.pick(known.fields)
            self.emit(f"this.{field} {self.pick(['=', '+=', '='])} {self.expression(kind, 1)}")
        if self.chance(0.85):
            self.emit(f"return {self.pick(['this', self.expression('int', 2), self.expression('any', 1)])}")
        self.scopes.pop()
        self.indent -= 1
        self.functions -= 1
        self.this, self.loops = saved
        self.emit("}")

    def data_declaration(self):
        self.serial += 1
        text = self.pick(["D", "Point", f"T{self.serial}", f"T{self.serial}", f"T{self.serial}"])
        if self.redeclares_const(text, False):
            return
        types = self.types()
        parent = self.pick(types) if types and self.chance(0.4) else None
        extends = f" extends {parent.text}" if parent else ""
        if self.chance(self.oddness / 2):
            extends, parent = f" extends {self.pick(['gl', 'gf', 'unknown', text])}", None
        base = parent.type if parent else None
        taken = set()
        fields, lines, required = self.data_fields(base, taken)
        if base:
            required = max(base.required, len(base.fields) + required if required else 0)
            fields = base.fields + fields
        methods = dict(base.methods) if base else {}
        known = Type(text, fields, methods, required)
        self.emit(f"data {text}{extends} {{")
        self.indent += 1
        if lines and self.chance(0.3):
            self.emit(", ".join(lines))
        else:
            for line in lines:
                self.emit(line + self.pick(["", "", ",", ";"]))
        for _ in range(self.random.randint(0, 3)):
            name = self.pick(METHODS)
            if name in taken:
                continue
            taken.add(name)
            arity = self.random.randint(0, 2)
            self.data_method(name, arity, known)
            methods[name] = arity
        self.indent -= 1
        self.emit("}")
        self.declare_data(text, "type", known)

    # ---- Expressions ---------------------------------------------------------------------------

    def construct(self, name, depth):
        known = name.type
        count = self.random.randint(min(known.required, len(known.fields)), len(known.fields))
        if self.chance(self.oddness):
            count = max(0, count + self.pick([-1, 1]))
        kinds = [kind for _, kind in known.fields] + ["any"]
        if self.chance(0.3) and known.fields:
            chosen = list(range(min(count, len(known.fields))))
            self.random.shuffle(chosen)
            named = [f"{known.fields[i][0]}={self.expression(kinds[i], depth - 1)}" for i in chosen]
            if named and self.chance(self.oddness):
                named.append(f"{self.pick(['nope', known.fields[0][0]])}=1")
            return f"{name.text}({', '.join(named)})"
        return f"{name.text}({', '.join(self.expression(kinds[i], depth - 1) for i in range(count))})"

    def some_instance(self, depth):
        """(text, type) of an instance, or None."""
        instances, types = self.instances(), self.types()
        if self.this and self.chance(0.5):
            return "this", self.this
        if instances and self.chance(0.6):
            name = self.pick(instances)
            return name.text, name.type
        if types:
            name = self.pick(types)
            return self.construct(name, depth), name.type
        return None

    def member_of(self, depth):
        """A field or a method call of an instance, or None."""
        found = self.some_instance(depth)
        if found is None:
            return None
        text, known = found
        form = self.random.randint(0, 9)
        if form <= 4 and known.fields:
            return f"{text}.{self.pick(known.fields)[0]}"
        if form <= 7 and known.methods and (not self.this or self.chance(0.3)):
            name = self.pick(sorted(known.methods))
            arity = known.methods[name] + (1 if self.chance(self.oddness) else 0)
            return f"{text}.{name}({', '.join(self.expression('int', 1) for _ in range(arity))})"
        if form == 8:
            return f"{text}.{self.pick(['toString()', 'clone()', f'equals({text})', 'nope', 'nope()', 'get'])}"
        return text

    def leaf(self, kind):
        if self.has_data and self.chance(0.25 if self.this else 0.1):
            member = self.member_of(1)
            if member:
                return member
        return super().leaf(kind)

    def pattern(self, depth, bound):
        form = self.random.randint(0, 9)
        types = self.types()
        if form <= 3 and types and depth > 0:
            name = self.pick(types)
            count = len(name.type.fields) + (self.pick([-1, 1]) if self.chance(self.oddness) else 0)
            return f"{name.text}({', '.join(self.pattern(depth - 1, bound) for _ in range(max(count, 0)))})"
        if form <= 5:
            return self.pick(["0", "1", "-1", "2.0", '"a"', "true", "false", "null", "'abc'", "7", "-0.5"])
        if form <= 7 and self.loops + depth < 9:
            name = self.pick(["p", "q", "x", "v", "w", "n"])
            bound.append(name)
            return name
        return "_"

    def match_expression(self, depth):
        found = self.some_instance(depth) if self.chance(0.7) else None
        subject = found[0] if found else self.expression("any", depth - 1)
        arms = []
        for _ in range(self.random.randint(1, 4)):
            bound = []
            pattern = self.pattern(2, bound)
            self.scopes.append([self.make_name(b, "any") for b in dict.fromkeys(bound)])
            arms.append(f"{pattern} => {self.expression('any', depth - 1)}")
            self.scopes.pop()
        if self.chance(0.75):
            arms.append(f"{self.pick(['_', 'other'])} => {self.expression('int', 0)}")
        return f"match {subject} {{ {', '.join(arms)} }}"

    def data_list(self, depth):
        types = self.types()
        if not types:
            return "[]"
        name = self.pick(types)
        text = "[" + ", ".join(self.construct(name, depth - 1) for _ in range(self.random.randint(1, 4))) + "]"
        fields = [f for f, _ in name.type.fields] or ["x"]
        field = self.pick(fields)
        return text + self.pick(["", f'.sort("{field}")', f'.sort("{field}", true)', f".map(o => o.{field})",
                                 f".map(o => match o {{ {name.text}({', '.join('_' for _ in fields)}) => 1, _ => 2 }})"])

    # ---- Statements ----------------------------------------------------------------------------

    def let_data(self):
        types = self.types()
        if not types:
            self.data_declaration()
            return
        name = self.pick(types)
        text = self.fresh("data")
        if self.redeclares_const(text, False):
            return
        note = f": {self.pick([name.text, name.text, 'any', 'T1'])}" if self.chance(0.1) else ""
        self.emit(f"let {text}{note} = {self.construct(name, 2)}")
        self.declare_data(text, "data", name.type)

    def change_data(self):
        found = self.some_instance(1)
        if found is None or not found[1].fields:
            self.let_data()
            return
        text, known = found
        field, kind = self.pick(known.fields)
        if self.chance(self.oddness):
            field = "nope"
        value = self.expression(kind if self.chance(0.9) else "any", 2)
        self.emit(f"{text}.{field} {self.pick(['=', '=', '+=', '-='])} {value}")

    def show_data(self):
        form = self.random.randint(0, 3)
        if form == 0:
            self.emit(f"print({self.match_expression(2)})")
        elif form == 1:
            self.emit(f"print({self.data_list(2)})")
        else:
            self.emit(f"print({self.member_of(2) or self.expression('any', 1)})")
