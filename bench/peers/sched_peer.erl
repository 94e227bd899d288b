%% bench/peers/sched_peer.erl - what bench_sched measures of zvm, with processes of Erlang: prints
%% NAME VALUE lines.
%%
%% Usage: erl +S N:N -noshell -pa FOLDER -run sched_peer main. The figures are those of sched.go.
-module(sched_peer).
-export([main/0]).

-define(ROUNDS, 3).
-define(SPAWNED, 100000).
-define(YIELDERS, 1000).
-define(YIELDS, 200).
-define(TASKS, 50000).
-define(TASK_STEPS, 150).

main() ->
    Schedulers = erlang:system_info(schedulers_online),
    io:format("spawn_per_second ~w~n", [round(?SPAWNED / best(fun spawn_all/0) * 1.0e9)]),
    io:format("yield_ns ~.1f~n", [best(fun yield_all/0) / (?YIELDERS * ?YIELDS)]),
    io:format("tasks_ns ~w~n", [round(best(fun() -> run(Schedulers) end) / ?TASKS)]),
    halt(0).

best(Measure) -> lists:min([Measure() || _ <- lists:seq(1, ?ROUNDS)]) * 1.0.

since(Begin) -> erlang:convert_time_unit(erlang:monotonic_time() - Begin, native, nanosecond).

%% Each process subtracts itself from a shared counter; who comes to 0 tells the one that waits.
ended(Left, Waiter) ->
    case atomics:sub_get(Left, 1, 1) of
        0 -> Waiter ! all_ended;
        _ -> ok
    end.

counter(Count) ->
    Left = atomics:new(1, []),
    atomics:put(Left, 1, Count),
    Left.

await() -> receive all_ended -> ok end.

spawn_all() ->
    Left = counter(?SPAWNED),
    Self = self(),
    Begin = erlang:monotonic_time(),
    repeat(?SPAWNED, fun() -> spawn(fun() -> ended(Left, Self) end) end),
    await(),
    since(Begin).

yield_all() ->
    Left = counter(?YIELDERS),
    Self = self(),
    Begin = erlang:monotonic_time(),
    repeat(?YIELDERS, fun() -> spawn(fun() -> yield(?YIELDS), ended(Left, Self) end) end),
    await(),
    since(Begin).

yield(0) -> ok;
yield(N) -> erlang:yield(), yield(N - 1).

run(Schedulers) ->
    Count = Schedulers * ?TASKS,
    Left = counter(Count),
    Self = self(),
    Tasks = [spawn(fun() -> receive go -> work(?TASK_STEPS, 1), ended(Left, Self) end end)
             || _ <- lists:seq(1, Count)],
    Begin = erlang:monotonic_time(),
    lists:foreach(fun(Task) -> Task ! go end, Tasks),
    await(),
    since(Begin).

work(0, Value) -> Value;
work(N, Value) -> work(N - 1, (Value * 5 + N) band 16#ffffff).

repeat(0, _) -> ok;
repeat(N, Do) -> Do(), repeat(N - 1, Do).
