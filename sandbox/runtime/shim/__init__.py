"""The shim: parent and reaper of every process a project starts, so that they outlive a crash of ours and none is lost.

It is started apart (`launch`), uses the standard library only and imports nothing of sandbox but this folder.
Orders come in over a Unix socket as lines of JSON (`wire`, `server`, `orders`); `family` starts, watches and ends the
processes; what they print goes to bounded files (`journal`). One thread and one selector loop (`loop`) do all of it.

Orders, and what they answer (every one may answer {"error": {"code", "message"}} instead):
  ping       {}                                                     → {pid, version}
  start      {id, role, argv, cwd, env, log, log_max_bytes, restart} → {pid, started_at, start}
  zygote     as start, without role                                 → {says} what it says once it can be forked
  fork       as start, and {zygote}                                 → {pid, started_at}, of a child of the zygote
  seen       {id, folders}                                          → {files} below them that its memory names
  stop       {id, grace}                                            → {} once it and all its descendants are gone
  signal     {id, signal}                                           → {}
  list       {environment?}                                         → {processes: [...]}
  run        {id, argv, timeout, within | cwd and env}              → {code, output} or {timeout: true, output}
  subscribe  {role}                                                 → {}, then {"exit": {...}} lines, kept ones first
  heard      {role, number}                                         → {}; exits up to this number need not be kept
  shutdown   {grace}                                                → {} when nothing is left, then the shim ends
"""
