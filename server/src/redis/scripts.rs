//! What Redis does in one step.
//!
//! The epoch of the event streams is the server's own run id: where Redis starts again
//! it may have lost the last events, so offsets no longer compare and readers begin with
//! a new snapshot.

use super::keys;
use crate::ports::EVENT_HISTORY;
use redis::{Script, ScriptInvocation};
use sentinel_model::{Scope, live::Event};
use std::sync::LazyLock;

/// Appends an event to the streams of its scopes and tells their channels.
/// KEYS: offsets, then a stream a scope. ARGV: event, history, then scope and channel each.
const TELL: &str = r"
local function tell(offsets, streams, event, history, names)
  local epoch = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  for i, stream in ipairs(streams) do
    local scope, channel = names[2 * i - 1], names[2 * i]
    local offset = redis.call('HINCRBY', offsets, scope, 1)
    redis.call('XADD', stream, 'MAXLEN', history, offset .. '-0', 'e', event)
    redis.call('PUBLISH', channel, epoch .. ' ' .. offset .. ' ' .. event)
  end
end
";

fn telling(rest: &str) -> Script {
    Script::new(&format!("{TELL}{rest}"))
}

/// KEYS: offsets, streams. ARGV: event, history, scope and channel each.
pub static PUBLISH: LazyLock<Script> = LazyLock::new(|| {
    telling(
        r"
tell(KEYS[1], {unpack(KEYS, 2)}, ARGV[1], ARGV[2], {unpack(ARGV, 3)})
",
    )
});

/// The keys and arguments that both of these begin with.
pub fn publishing<'a>(
    script: &'a Script,
    rooms: keys::Rooms,
    scopes: &[Scope],
    event: &Event,
) -> postcard::Result<ScriptInvocation<'a>> {
    let mut call = script.prepare_invoke();
    call.key(rooms.offsets());
    for scope in scopes {
        call.key(rooms.events(*scope));
    }
    call.arg(postcard::to_allocvec(event)?).arg(EVENT_HISTORY);
    for scope in scopes {
        call.arg(scope.to_string()).arg(keys::control(*scope));
    }
    Ok(call)
}

/// KEYS: offsets, streams, then those told. ARGV: event, history, scope and channel each, then
/// an id, and for how many seconds it is remembered. Answers whether it was told now.
pub static PUBLISH_ONCE: LazyLock<Script> = LazyLock::new(|| {
    telling(
        r"
local told, id, seconds = KEYS[#KEYS], ARGV[#ARGV - 1], tonumber(ARGV[#ARGV])
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', told, '-inf', now - seconds)
if redis.call('ZADD', told, 'NX', now, id) == 0 then return 0 end
tell(KEYS[1], {unpack(KEYS, 2, #KEYS - 1)}, ARGV[1], ARGV[2], {unpack(ARGV, 3, #ARGV - 2)})
return 1
",
    )
});

/// KEYS: patrols, gone, statuses, offsets, then the sets of the path's scopes, then their
/// streams. ARGV: patrol, member, status, event, history, scope and channel each.
pub static ENTER: LazyLock<Script> = LazyLock::new(|| {
    telling(
        r"
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 or redis.call('ZSCORE', KEYS[2], ARGV[1]) then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HSET', KEYS[3], ARGV[1], ARGV[3])
local scopes = (#KEYS - 4) / 2
for i = 5, 4 + scopes do redis.call('SADD', KEYS[i], ARGV[1]) end
tell(KEYS[4], {unpack(KEYS, 5 + scopes)}, ARGV[4], ARGV[5], {unpack(ARGV, 6)})
return 1
",
    )
});

/// Keys as for [`ENTER`]. ARGV: patrol, the member as it was read, seconds that it is remembered, event, history,
/// scope and channel each. Answers -1 where it is another member by now.
pub static LEAVE: LazyLock<Script> = LazyLock::new(|| {
    telling(
        r"
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return -1 end
local now = tonumber(redis.call('TIME')[1])
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - tonumber(ARGV[3]))
if ARGV[2] == '' then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
local scopes = (#KEYS - 4) / 2
for i = 5, 4 + scopes do redis.call('SREM', KEYS[i], ARGV[1]) end
tell(KEYS[4], {unpack(KEYS, 5 + scopes)}, ARGV[4], ARGV[5], {unpack(ARGV, 6)})
return 1
",
    )
});

/// Keys as for [`ENTER`]. ARGV: patrol, the member as it was read, status, event, history,
/// scope and channel each. Answers -1 where it is another member by now.
pub static STATUS: LazyLock<Script> = LazyLock::new(|| {
    telling(
        r"
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return -1 end
if ARGV[2] == '' or redis.call('HGET', KEYS[3], ARGV[1]) == ARGV[3] then return 0 end
redis.call('HSET', KEYS[3], ARGV[1], ARGV[3])
local scopes = (#KEYS - 4) / 2
tell(KEYS[4], {unpack(KEYS, 5 + scopes)}, ARGV[4], ARGV[5], {unpack(ARGV, 6)})
return 1
",
    )
});

/// KEYS: a scope's set, patrols. Answers the members, JSON each.
pub static MEMBERS: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local patrols = redis.call('SMEMBERS', KEYS[1])
local members = {}
for i = 1, #patrols, 1000 do
  local some = redis.call('HMGET', KEYS[2], unpack(patrols, i, math.min(i + 999, #patrols)))
  for _, member in ipairs(some) do
    if member then members[#members + 1] = member end
  end
end
return members
",
    )
});

/// KEYS: the newest commit. ARGV: a commit, the channel that is told where it is newer. Answers
/// the newest.
pub static RECORDS: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local newest = tonumber(redis.call('GET', KEYS[1]) or 0)
if tonumber(ARGV[1]) <= newest then return newest end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('PUBLISH', ARGV[2], ARGV[1])
return tonumber(ARGV[1])
",
    )
});

/// KEYS: offsets. ARGV: scopes. Answers the epoch, and the offset of each.
pub static HEADS: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local epoch = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local offsets = redis.call('HMGET', KEYS[1], unpack(ARGV))
for i, offset in ipairs(offsets) do offsets[i] = tonumber(offset or 0) end
return {epoch, offsets}
",
    )
});

/// KEYS: offsets, stream. ARGV: scope, offset. Answers epoch, the newest offset, and the
/// events after the one given.
pub static SINCE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local epoch = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local newest = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or 0)
local events = {}
for i, entry in ipairs(redis.call('XRANGE', KEYS[2], '(' .. ARGV[2] .. '-0', '+')) do
  events[i] = entry[2][2]
end
return {epoch, newest, events}
",
    )
});

/// The server's own time in ms, which all nodes share.
const NOW: &str = r"
local function now_ms()
  local now = redis.call('TIME')
  return now[1] * 1000 + math.floor(now[2] / 1000)
end
";

/// KEYS: last, geo, until, then current of each unit. ARGV: for how many ms a position is
/// current, the highest latitude that the index takes; then of each unit its id, device time,
/// received at, the place and the rest. Answers of each whether it is the newest.
pub static PUT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{NOW}{}",
        r"
-- As text once: a number is written out anew, and slowly, for each command.
local expires, highest = string.format('%.0f', now_ms() + ARGV[1]), tonumber(ARGV[2])
local units = {}
for i = 1, #KEYS - 3 do units[i] = ARGV[4 * i - 1] end
local held = {}
for i, value in ipairs(redis.call('HMGET', KEYS[1], unpack(units))) do held[units[i]] = value end
local newest, last, geo, until_ = {}, {}, {}, {}
for i, unit in ipairs(units) do
  local time, received_at, place = unpack(ARGV, 4 * i, 4 * i + 2)
  local is_newest, is_heard = 1, true
  if held[unit] then
    local held_time, heard_at, held_place = string.match(held[unit], '^(%S+) (%S+) (.*)$')
    if tonumber(held_time) >= tonumber(time) then
      is_newest, is_heard = 0, tonumber(heard_at) < tonumber(received_at)
      time, place = held_time, held_place
    end
  end
  newest[i] = is_newest
  if is_heard then
    local value = time .. ' ' .. received_at .. ' ' .. place
    held[unit] = value
    redis.call('SET', KEYS[3 + i], value, 'PXAT', expires)
    local longitude, latitude = string.match(place, '^(%S+) (%S+)')
    if tonumber(longitude) == 180 then longitude = -180 end
    local is_polar = math.abs(tonumber(latitude)) > highest
    if is_polar then latitude = math.max(-highest, math.min(highest, tonumber(latitude))) end
    local n = #last
    last[n + 1], last[n + 2] = unit, value
    until_[n + 1], until_[n + 2] = expires, unit
    n = #geo
    geo[n + 1], geo[n + 2], geo[n + 3] = longitude, latitude, unit
  end
end
if #last > 0 then
  redis.call('HSET', KEYS[1], unpack(last))
  redis.call('GEOADD', KEYS[2], unpack(geo))
  redis.call('ZADD', KEYS[3], unpack(until_))
end
return newest
"
    ))
});

/// KEYS: current, last, geo, until. ARGV: unit.
pub static REMOVE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
redis.call('DEL', KEYS[1])
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[1])
",
    )
});

/// KEYS: geo, until. ARGV: how many at most. Answers how many left.
pub static SWEEP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{NOW}{}",
        r"
local gone = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now_ms(), 'LIMIT', 0, ARGV[1])
if #gone > 0 then
  redis.call('ZREM', KEYS[1], unpack(gone))
  redis.call('ZREM', KEYS[2], unpack(gone))
end
return #gone
"
    ))
});
