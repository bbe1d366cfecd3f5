-- For wrk: send the requests in the files that are named as arguments, each as it is, in turn.
-- Prints what bench/metas.py reads: one line of JSON.

local requests = {}
local turn = 0

function init(files)
  for number = 1, #files do
    requests[number] = io.open(files[number], "rb"):read("*a")
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  print(string.format(
    '\n{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "worst": %f, "failed": %d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, latency.max / 1e3, failed))
end
