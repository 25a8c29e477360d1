"""What Redis carries out, in Lua: each script as a whole, with nothing else between."""

from __future__ import annotations

from hashlib import sha1

_GET = "return redis.call('HGET', KEYS[1], ARGV[1])"

_FIND = """
-- KEYS: a scope's heads, the sessions of a session_id
local field = redis.call('ZRANGE', KEYS[2], 0, 0)[1]
return field and redis.call('HGET', KEYS[1], field)
"""

_RUNS = """
-- KEYS: the order of a session's runs, the runs. Answers: run_id, run, run_id, run, ...
local found = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local run = redis.call('HGET', KEYS[2], id)
  if run then
    found[#found + 1] = id
    found[#found + 1] = run
  end
end
return found
"""

_TAKE_OUT = """
-- Takes a session out of the lists that it stands in: its line in them, and their names.
local function take_out(places, field)
  local line, names = string.match(redis.call('HGET', places, field) or '', '^([^\\n]*)\\n(.*)$')
  for name in string.gmatch(names or '', '[^\\n]+') do
    redis.call('ZREM', name .. ':created_at', line)
    redis.call('ZREM', name .. ':updated_at', line)
  end
  redis.call('HDEL', places, field)
end
"""

_PAGE = """
-- KEYS: a list of sessions, a scope's heads
-- ARGV: the first and the last place, whether it begins at the end
-- Answers: how many there are, then the heads
local found = {redis.call('ZCARD', KEYS[1])}
local range = ARGV[3] == '1' and 'ZREVRANGE' or 'ZRANGE'
for _, line in ipairs(redis.call(range, KEYS[1], ARGV[1], ARGV[2])) do
  found[#found + 1] = redis.call('HGET', KEYS[2], string.match(line, ' (.*)'))
end
return found
"""

_WRITE = f"""
-- KEYS: a scope's heads, version, scopes, under way, places in lists; the sessions of the
--   session_id, the order of the session's runs, the runs; the same three of another that goes
-- ARGV: the scope; the session's field, version ('': any), serial (0: new) and head; the owner;
--   whether these runs are all; the field and version of the one that goes ('': none); when it was
--   made and changed, and the names of the lists that it stands in, in lines;
--   then of each run its run_id, version (0: new), the run, whether it is under way
-- Answers version and serial; nothing where a version is not as it is given, unless that is because
--   this very write was carried out before: the client repeats it where the answer was lost.
{_TAKE_OUT}
local heads, counter, scopes, under_way, places = unpack(KEYS, 1, 5)
local of, order, runs = KEYS[6], KEYS[7], KEYS[8]
local scope, field, expected, serial, head, owner, is_whole, other, others = unpack(ARGV, 1, 9)
local created, updated, names = unpack(ARGV, 10, 12)

local function version_of(field)
  local found = redis.call('HGET', heads, field)
  return found and string.match(found, '^%d+') or '0'
end
local count = (#ARGV - 12) / 4
-- Its version and serial where all of it is there: its runs, or its head if it has none.
local function as_written()
  local found = redis.call('HGET', heads, field)
  if not found then return false end
  local version, its, there = string.match(found, '^(%d+) (%d+) (.*)$')
  if count == 0 and there ~= head then return false end
  for i = 1, count do
    local id, _, run = unpack(ARGV, 9 + 4 * i, 11 + 4 * i)
    version, there = string.match(redis.call('HGET', runs, id) or '', '^(%d+) (.*)$')
    if there ~= run then return false end
  end
  return {{version, its}}
end

if expected ~= '' and version_of(field) ~= expected then return as_written() end
if other ~= '' then
  if version_of(other) ~= others then return as_written() end
  redis.call('HDEL', heads, other)
  take_out(places, other)
  redis.call('ZREM', KEYS[9], other)
  redis.call('DEL', KEYS[10], KEYS[11])
end

local last = redis.call('INCRBY', counter, count + 1)
local version = string.format('%.0f', last)
if serial == '0' then serial = version end
redis.call('SADD', scopes, scope)
redis.call('HSET', heads, field, version .. ' ' .. serial .. ' ' .. head)
redis.call('ZADD', of, serial, field)
-- Of those of one second the one made first is first, as lines are sorted.
local line = string.format('%020.0f %s', serial, field)
local place = line .. '\\n' .. names
if redis.call('HGET', places, field) ~= place then
  take_out(places, field)
  redis.call('HSET', places, field, place)
end
for name in string.gmatch(names, '[^\\n]+') do
  redis.call('ZADD', name .. ':created_at', created, line)
  redis.call('ZADD', name .. ':updated_at', updated, line)
end
if is_whole == '1' then redis.call('DEL', order, runs) end
for i = 1, count do
  local id, its, run, is_under_way = unpack(ARGV, 9 + 4 * i, 12 + 4 * i)
  local member = runs .. '\\n' .. id
  if its == '0' then its = version end
  redis.call('ZADD', order, 'NX', string.format('%.0f', last - count + i), id)
  redis.call('HSET', runs, id, its .. ' ' .. run)
  if is_under_way ~= '1' then redis.call('HDEL', under_way, member)
  elseif is_whole == '1' then redis.call('HSETNX', under_way, member, owner)
  else redis.call('HSET', under_way, member, owner) end
end
return {{version, serial}}
"""

_DELETE = f"""
-- KEYS: a scope's heads, version, scopes, under way, places in lists; then of each session the
--   sessions of its session_id, the order of its runs, the runs
-- ARGV: their fields
{_TAKE_OUT}
for i, field in ipairs(ARGV) do
  redis.call('HDEL', KEYS[1], field)
  take_out(KEYS[5], field)
  redis.call('ZREM', KEYS[3 + 3 * i], field)
  redis.call('DEL', KEYS[4 + 3 * i], KEYS[5 + 3 * i])
end
"""

_MARK = """
-- KEYS: under way, a session's runs
-- ARGV: the member of under way, its owner, the run_id, the run as it is to be
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then
  redis.call('HDEL', KEYS[1], ARGV[1])
  if redis.call('HEXISTS', KEYS[2], ARGV[3]) == 1 then
    redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
  end
end
"""

ALL = {
    "get": _GET,
    "find": _FIND,
    "runs": _RUNS,
    "page": _PAGE,
    "heads": "return redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])",
    "fields": "return redis.call('HKEYS', KEYS[1])",
    "members": "return redis.call('ZRANGE', KEYS[1], 0, -1)",
    "members_of_set": "return redis.call('SMEMBERS', KEYS[1])",
    "write": _WRITE,
    "delete": _DELETE,
    "mark": _MARK,
}
"""By name."""

SHAS = {name: sha1(text.encode(), usedforsecurity=False).hexdigest() for name, text in ALL.items()}
"""How Redis knows them, by name."""
