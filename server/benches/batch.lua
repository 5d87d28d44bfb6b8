-- A hundred fixes a post, as a device sends them after a time without network.
-- Arguments after `--` as of single.lua; without tokens each body names its patrol.

local SIZE = 100
local units, openings, first, n = {}, {}, 0, 0
local second, stamp = -1, ""
local tails = {}

function init(args)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  if args[1] ~= "-" then
    for token in io.lines(args[1]) do
      wrk.headers["Authorization"] = "Bearer " .. token
      local headers = {}
      for name, value in pairs(wrk.headers) do headers[name] = value end
      units[#units + 1] = headers
      openings[#units] = '{"patrol_status":"active","location":['
    end
  else
    for patrol = 1, 100 do
      units[patrol] = wrk.headers
      openings[patrol] = '{"patrol_id":"' .. patrol .. '","patrol_status":"active","location":['
    end
  end
  first = tonumber(args[2]) * 1000
  for i = 1, SIZE do
    tails[i] = string.format(
      'Z","coords":{"latitude":9.%06d,"longitude":76.2673,"speed":8.2,"heading":120,"accuracy":5},"battery":{"level":0.9,"is_charging":false}}',
      i * 7919 % 1000000)
  end
end

function request()
  local unit, turn = n % #units, math.floor(n / #units)
  n = n + 1
  local parts = {}
  for i = 1, SIZE do
    local ms = first + turn * SIZE + i - 1
    local whole = math.floor(ms / 1000)
    if whole ~= second then
      second, stamp = whole, os.date("!%Y-%m-%dT%H:%M:%S", whole)
    end
    parts[i] = string.format('{"timestamp":"%s.%03d%s', stamp, ms % 1000, tails[i])
  end
  local body = openings[unit + 1] .. table.concat(parts, ",") .. "]}"
  return wrk.format(nil, wrk.path, units[unit + 1], body)
end
