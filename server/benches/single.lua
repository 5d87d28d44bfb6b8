-- One fix a post, as a device sends it. Arguments after `--`:
--   TOKENS  a file with one unit ingest token a line; the units take turns
--   BASE    device time of the first fix, seconds since 1970
-- Every fix has a device time of its own, so that none is a duplicate.

local units, first, n = {}, 0, 0
local second, stamp = -1, ""

function init(args)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  for token in io.lines(args[1]) do
    wrk.headers["Authorization"] = "Bearer " .. token
    local headers = {}
    for name, value in pairs(wrk.headers) do headers[name] = value end
    units[#units + 1] = headers
  end
  first = tonumber(args[2]) * 1000
end

function request()
  local unit, turn = n % #units, math.floor(n / #units)
  n = n + 1
  local ms = first + turn
  local whole = math.floor(ms / 1000)
  if whole ~= second then
    second, stamp = whole, os.date("!%Y-%m-%dT%H:%M:%S", whole)
  end
  local body = string.format(
    '{"patrol_status":"active","location":{"timestamp":"%s.%03dZ","coords":{"latitude":9.%06d,"longitude":76.2673,"speed":8.2,"heading":120,"accuracy":5},"battery":{"level":0.9,"is_charging":false}}}',
    stamp, ms % 1000, n % 1000000)
  return wrk.format(nil, wrk.path, units[unit + 1], body)
end
