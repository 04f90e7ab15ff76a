-- Returns due retries to their stream, drops consumers that are gone, and tells whether entries wait for a worker.
--
-- KEYS[2]  {archive}:delayed       sorted set  by due time in ms, each a JSON list {old entry id, name, value, …}
-- KEYS[3]  {archive}:workers       sorted set  name of a worker, by the time in ms at which it was last heard of
-- KEYS[4]  {archive}:images:retry, KEYS[5] {archive}:images:live, KEYS[6] {archive}:images:backlog  streams
-- ARGV[2]  lease, ms, ARGV[3] how many retries to return at most
-- ARGV[4]  idle time in ms from which a consumer that holds nothing is dropped
-- ARGV[5]  name of the worker that sweeps, or empty, ARGV[6] silence in ms from which a worker is dropped
-- Returns  OK, 1 where entries wait and 0 where none do, number of retries returned
local now = now_ms()
-- The first write frees memory, and so the whole script passes at maxmemory.
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - tonumber(ARGV[6]))
local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, ARGV[3])

for _, member in ipairs(due) do
  local fields = cjson.decode(member)
  table.remove(fields, 1)
  redis.call('ZREM', KEYS[2], member)
  redis.call('XADD', KEYS[4], '*', unpack(fields))
end

local function by_name(flat)
  local facts = {}
  for at = 1, #flat, 2 do facts[flat[at]] = flat[at + 1] end
  return facts
end

local function waits(stream)
  local delivered
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local facts = by_name(group)
    if facts['name'] == GROUP then delivered = facts['last-delivered-id'] end
  end
  if redis.call('XRANGE', stream, delivered and '(' .. delivered or '-', '+', 'COUNT', 1)[1] then
    return true
  end
  return delivered and redis.call('XPENDING', stream, GROUP, 'IDLE', ARGV[2], '-', '+', 1)[1] ~= nil
end

local any = 0
for position = 4, 6 do
  local stream = KEYS[position]
  if redis.call('EXISTS', stream) == 1 then
    if any == 0 and waits(stream) then any = 1 end
    local consumers = redis.pcall('XINFO', 'CONSUMERS', stream, GROUP)
    for _, consumer in ipairs(consumers.err and {} or consumers) do
      local facts = by_name(consumer)
      if facts['pending'] == 0 and facts['idle'] > tonumber(ARGV[4]) then
        redis.call('XGROUP', 'DELCONSUMER', stream, GROUP, facts['name'])
      end
    end
  end
end

if ARGV[5] ~= '' then
  redis.call('ZADD', KEYS[3], now, ARGV[5])
end
return {'OK', any, #due}
