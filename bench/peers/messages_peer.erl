%% bench/peers/messages_peer.erl - what bench/messages/*.zx do with isolates, with processes of Erlang.
%%
%% Usage: erl +S N:N +P COUNT -noshell -pa FOLDER -run messages_peer main WHAT COUNT. What each does is said
%% in messages.go. Who waits for an end has a monitor.
-module(messages_peer).
-export([main/1]).

-define(STRIDE, 611953).
-define(READERS, 100).

main(["fan_out", Count, Bytes]) ->
    io:format("~w~n", [fan_out(list_to_integer(Count), list_to_integer(Bytes))]),
    halt(0);
main([What, Count]) ->
    N = list_to_integer(Count),
    ok = case What of
        "spawn" -> spawn_all(N);
        "ping_pong" -> ping_pong(N);
        "waiting" -> waiting(N)
    end,
    io:format("~w~n", [N]),
    halt(0).

await({_Process, Monitor}) ->
    receive {'DOWN', Monitor, process, _, _} -> ok end.

%% Whatever the order, as a mailbox of a million would be searched for each end otherwise.
await_all(0) -> ok;
await_all(N) ->
    receive {'DOWN', _, process, _, _} -> await_all(N - 1) end.

spawn_all(N) ->
    start(N, fun() -> ok end),
    await_all(N).

start(N, Body) -> [spawn_monitor(Body) || _ <- lists:seq(1, N)].

ping_pong(N) ->
    Self = self(),
    Partner = {Process, _} = spawn_monitor(fun() -> pong(N, Self) end),
    ping(N, Process),
    await(Partner).

pong(0, _) -> ok;
pong(N, Other) ->
    receive Message -> Other ! Message end,
    pong(N - 1, Other).

ping(0, _) -> ok;
ping(N, Other) ->
    Other ! N,
    receive _ -> ok end,
    ping(N - 1, Other).

waiting(N) ->
    Started = list_to_tuple(start(N, fun() -> receive _ -> ok end end)),
    send_all(0, N, Started),
    await_all(N).

fan_out(N, Bytes) ->
    Self = self(),
    Text = binary:copy(<<"x">>, Bytes),
    Rounds = N div ?READERS,
    Readers = [spawn(fun() -> Self ! read(Rounds, 0) end) || _ <- lists:seq(1, ?READERS)],
    [Reader ! Text || _ <- lists:seq(1, Rounds), Reader <- Readers],
    lists:sum([receive Sum -> Sum end || _ <- Readers]) div Bytes.

read(0, Sum) -> Sum;
read(N, Sum) ->
    receive Text -> read(N - 1, Sum + byte_size(Text)) end.

send_all(N, N, _) -> ok;
send_all(I, N, Started) ->
    {Process, _} = element(I * ?STRIDE rem N + 1, Started),
    Process ! I,
    send_all(I + 1, N, Started).
