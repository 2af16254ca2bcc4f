"""Steps that Redis does as one, in Lua: after a crash each of them happened whole or not at all."""

from __future__ import annotations

LAG = """
-- KEYS stream
local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if not oldest then return 0 end
local now = redis.call('TIME')
local began = tonumber(string.match(oldest[1], '^%d+'))
return math.max(0, math.floor(now[1] * 1000 + now[2] / 1000 - began))
"""
"""Look at the oldest entry without its pictures. -> its age in milliseconds, 0 without any."""

ACCEPT = """
-- KEYS stream, progress; ARGV most entries, digest, time, record ids, the entry's fields ...
local known = redis.call('HGET', KEYS[2], 'digest')
if known then
  if known == ARGV[2] then return 'known' else return 'other' end
end
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return 'full' end
redis.call('XADD', KEYS[1], '*', unpack(ARGV, 5))
redis.call('HSET', KEYS[2], 'digest', ARGV[2], 'status', 'waiting', 'accepted_at', ARGV[3],
  'updated_at', ARGV[3], 'record_ids', ARGV[4], 'attempts', '0')
return 'accepted'
"""
"""Put an entry into the stream unless its id is known. -> accepted, known, other or full."""

BEGIN = """
-- KEYS progress; ARGV time
redis.call('HSET', KEYS[1], 'status', 'embedding', 'updated_at', ARGV[1])
return redis.call('HINCRBY', KEYS[1], 'attempts', 1)
"""
"""Note that a worker begins an entry. -> how many times it was begun."""

STORED = """
-- KEYS stream, progress; ARGV group, stream id, time, seconds to keep, record ids, warnings
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
redis.call('XDEL', KEYS[1], ARGV[2])
redis.call('HSET', KEYS[2], 'status', 'stored', 'updated_at', ARGV[3], 'record_ids', ARGV[5],
  'warnings', ARGV[6])
redis.call('HDEL', KEYS[2], 'problem')
redis.call('EXPIRE', KEYS[2], ARGV[4])
"""
"""Acknowledge an entry that the gallery has."""

GIVE_UP = """
-- KEYS stream, dead, progress
-- ARGV group, stream id, time, seconds to keep, most dead entries, reason, problem, attempts
local found = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])[1]
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
if not found then return 0 end
local fields = found[2]
for _, value in ipairs({'reason', ARGV[6], 'failed_at', ARGV[3], 'attempts', ARGV[8]}) do
  fields[#fields + 1] = value
end
redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[5], '*', unpack(fields))
redis.call('XDEL', KEYS[1], ARGV[2])
if KEYS[3] ~= '' then
  redis.call('HSET', KEYS[3], 'status', 'failed', 'updated_at', ARGV[3], 'problem', ARGV[7])
  redis.call('EXPIRE', KEYS[3], ARGV[4])
end
return 1
"""
"""Move an entry to the dead ones. -> 0 when it is no longer in the stream."""

REQUEUE = """
-- KEYS dead, stream, progress; ARGV dead id, time, digest, accepted at, record ids
local found = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not found then return 0 end
local fields = found[2]
-- The three names and values that giving it up added at the end.
for _ = 1, 6 do fields[#fields] = nil end
redis.call('XADD', KEYS[2], '*', unpack(fields))
redis.call('XDEL', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[3], 'digest', ARGV[3], 'status', 'waiting', 'accepted_at', ARGV[4],
  'updated_at', ARGV[2], 'record_ids', ARGV[5], 'attempts', '0')
redis.call('HDEL', KEYS[3], 'problem')
redis.call('PERSIST', KEYS[3])
return 1
"""
"""Move a dead entry to the end of the stream. -> 0 when there is none."""

FORGET_CONSUMERS = """
-- KEYS stream; ARGV group, milliseconds of silence, the consumer that leaves, if any
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local facts = {}
  for position = 1, #consumer, 2 do facts[consumer[position]] = consumer[position + 1] end
  local gone = facts['name'] == ARGV[3] or facts['idle'] > tonumber(ARGV[2])
  -- Deleting a consumer forgets its pending entries, which nobody could claim then.
  if gone and facts['pending'] == 0 then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], facts['name'])
  end
end
"""
"""Remove consumers that left or have been silent for long, and hold no entry."""
