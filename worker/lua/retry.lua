-- Moves an entry into `delayed`, whole, with its attempts, its deaths and the time of its first attempt.
--
-- KEYS[2]  {archive}:images:<lane>  stream
-- KEYS[3]  {archive}:delayed        sorted set  by due time in ms, each a JSON list {old entry id, name, value, …}
-- ARGV[2]  consumer, ARGV[3] entry id, ARGV[4] delivery number
-- ARGV[5]  delay, ms, ARGV[6] attempts so far, ARGV[7] weight of deaths so far, ARGV[8] lane
-- Returns  LOST, GONE (somebody deleted the entry), or OK
if not owns(KEYS[2], ARGV[3], ARGV[2], ARGV[4]) then
  return {'LOST'}
end

local entry = redis.call('XRANGE', KEYS[2], ARGV[3], ARGV[3])[1]
redis.call('XACK', KEYS[2], GROUP, ARGV[3])
if not entry then
  return {'GONE'}
end
redis.call('XDEL', KEYS[2], ARGV[3])

local now = now_ms()
local ours = {attempts = ARGV[6], deaths = ARGV[7], lane = ARGV[8], first_seen_at = string.format('%d', now)}
local member, values = {ARGV[3]}, {}
for at = 1, #entry[2], 2 do
  -- The last value of a name counts, here as for the worker: a thousand repetitions would not fit into one XADD.
  values[entry[2][at]] = entry[2][at + 1]
end
ours.first_seen_at = values.first_seen_at or ours.first_seen_at
for name, value in pairs(ours) do
  values[name] = value
end
for name, value in pairs(values) do
  member[#member + 1] = name
  member[#member + 1] = value
end
redis.call('ZADD', KEYS[3], now + tonumber(ARGV[5]), cjson.encode(member))
return {'OK'}
