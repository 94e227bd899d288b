"""The memory manager of Zexus "Phase 7: Memory Management" as its document describes it, in Python, and
its benchmarks: the peer of bench/bench_mm.c. Usage: mm_model.py SCALE HISTORY

Written anew from the document: a heap with a free list of ids, a limit and statistics; a collector that
marks the roots and sweeps the rest, every 1,000 allocations or when asked; a manager in front of both,
with a log of allocations (HISTORY 1) or without (0). Like the original it follows no references.
Prints `NAME VALUE` lines: CPU time, ns a unit, the best of five runs.
"""
import enum
import sys
import time

ROUNDS = 5
ALLOCATED, ROOTS, GARBAGE, WAVES, WAVE_OBJECTS = 10000, 100, 5000, 10, 1000
STRESS_ITERATIONS, STRESS_OBJECTS = 1000, 100


class ObjectState(enum.Enum):
    ALLOCATED = 1
    MARKED = 2
    FREED = 3


class MemoryObject:
    __slots__ = ("id", "value", "size", "state", "is_root", "generation", "allocated_at")

    def __init__(self, number, value, size, is_root):
        self.id = number
        self.value = value
        self.size = size
        self.state = ObjectState.ALLOCATED
        self.is_root = is_root
        self.generation = 0
        self.allocated_at = time.time()


class MemoryStats:
    def __init__(self):
        self.allocation_count = self.deallocation_count = 0
        self.total_allocated = self.total_freed = self.current_usage = self.peak_usage = 0
        self.gc_runs = 0
        self.gc_time = 0.0


class Heap:
    def __init__(self, max_heap_size):
        self.max_heap_size = max_heap_size
        self.objects = {}
        self.free_list = []
        self.next_id = 0
        self.stats = MemoryStats()

    def allocate(self, value, is_root):
        size = sys.getsizeof(value)
        stats = self.stats
        if stats.current_usage + size > self.max_heap_size:
            raise MemoryError("heap limit exceeded")
        if self.free_list:
            number = self.free_list.pop()
        else:
            number = self.next_id
            self.next_id += 1
        self.objects[number] = MemoryObject(number, value, size, is_root)
        stats.allocation_count += 1
        stats.total_allocated += size
        stats.current_usage += size
        if stats.current_usage > stats.peak_usage:
            stats.peak_usage = stats.current_usage
        return number

    def deallocate(self, number):
        found = self.objects.pop(number, None)
        if found is None:
            return False
        self.stats.deallocation_count += 1
        self.stats.total_freed += found.size
        self.stats.current_usage -= found.size
        self.free_list.append(number)
        return True


class GarbageCollector:
    def __init__(self, heap, threshold):
        self.heap = heap
        self.threshold = threshold
        self.roots = set()
        self.since = 0

    def collect(self):
        start = time.time()
        objects = self.heap.objects
        for number in self.roots:
            if number in objects:
                objects[number].state = ObjectState.MARKED
        dead = [number for number, found in objects.items() if found.state is not ObjectState.MARKED]
        for number in dead:
            self.heap.deallocate(number)
        for found in objects.values():
            found.state = ObjectState.ALLOCATED
            found.generation += 1
        self.since = 0
        self.heap.stats.gc_runs += 1
        self.heap.stats.gc_time += time.time() - start
        return len(dead)


class MemoryManager:
    def __init__(self, threshold, enable_profiling, max_heap_size=1 << 32):
        self.heap = Heap(max_heap_size)
        self.gc = GarbageCollector(self.heap, threshold)
        self.enable_profiling = enable_profiling
        self.history = []

    def allocate(self, value, root=False):
        number = self.heap.allocate(value, root)
        if root:
            self.gc.roots.add(number)
        if self.enable_profiling:
            self.history.append((time.time(), "allocate", number, self.heap.objects[number].size))
        self.gc.since += 1
        if self.gc.since >= self.gc.threshold:
            self.gc.collect()
        return number

    def get(self, number):
        found = self.heap.objects.get(number)
        return None if found is None else found.value

    def deallocate(self, number):
        self.gc.roots.discard(number)
        return self.heap.deallocate(number)


def cpu_ns():
    return time.process_time_ns()


class Benchmarks:
    def __init__(self, scale, history):
        self.scale = scale
        self.history = history
        self.deallocate_ns = None

    def manager(self, threshold=1 << 60):
        return MemoryManager(threshold, self.history)

    def allocate(self):
        count = ALLOCATED * self.scale
        manager = self.manager()
        start = cpu_ns()
        numbers = [manager.allocate({"data": i}) for i in range(count)]
        made = cpu_ns()
        for number in numbers:
            manager.deallocate(number)
        each = (cpu_ns() - made) / count
        if self.deallocate_ns is None or each < self.deallocate_ns:
            self.deallocate_ns = each
        return (made - start) / count

    def collect(self):
        garbage = GARBAGE * self.scale
        manager = self.manager()
        for i in range(ROOTS * self.scale):
            manager.allocate({"data": i}, root=True)
        for i in range(garbage):
            manager.allocate({"data": i})
        start = cpu_ns()
        assert manager.gc.collect() == garbage
        return (cpu_ns() - start) / garbage

    def waves(self):
        manager = self.manager()
        start = cpu_ns()
        for _ in range(WAVES):
            for i in range(WAVE_OBJECTS * self.scale):
                manager.allocate({"data": i})
            manager.gc.collect()
        return (cpu_ns() - start) / (WAVES * WAVE_OBJECTS * self.scale)

    def stress(self):
        manager = self.manager()
        start = cpu_ns()
        for iteration in range(STRESS_ITERATIONS * self.scale):
            numbers = [manager.allocate(i) for i in range(STRESS_OBJECTS)]
            for number in numbers[:STRESS_OBJECTS * 2 // 5]:
                manager.deallocate(number)
            if iteration % 5 == 4:
                manager.gc.collect()
        return (cpu_ns() - start) / (STRESS_ITERATIONS * STRESS_OBJECTS * self.scale)

    def machine(self):
        """100 variables stored by a small loop over instructions, each value given to the manager."""
        code = [(kind, f"v{i}", [i, "t"]) for i in range(100) for kind in ("LOAD_CONST", "STORE_NAME")]
        start = cpu_ns()
        for _ in range(100 * self.scale):
            manager, names, managed, stack = self.manager(), {}, {}, []
            for kind, name, value in code:
                if kind == "LOAD_CONST":
                    stack.append(list(value))
                elif kind == "STORE_NAME":
                    names[name] = stack.pop()
                    managed[name] = manager.allocate(names[name], root=True)
        return (cpu_ns() - start) / (100 * self.scale * 100)


def main():
    benchmarks = Benchmarks(int(sys.argv[1]), sys.argv[2] != "0")
    for name in ("allocate", "collect", "waves", "stress", "machine"):
        print(f"{name}_ns {min(getattr(benchmarks, name)() for _ in range(ROUNDS)):.3f}")
        if name == "allocate":
            print(f"deallocate_ns {benchmarks.deallocate_ns:.3f}")


if __name__ == "__main__":
    main()
