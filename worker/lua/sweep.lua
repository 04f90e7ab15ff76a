-- Returns due retries to their stream, drops consumers that are gone, and tells whether entries wait for a worker.
--
-- KEYS[2]  {archive}:delayed       sorted set  by due time in ms, each a JSON list {old entry id, name, value, …}
-- KEYS[3]  {archive}:images:retry  stream
-- KEYS[4]  {archive}:images:live, KEYS[5] {archive}:images:backlog  streams
-- ARGV[2]  lease, ms
-- ARGV[3]  how many retries to return at most
-- ARGV[4]  idle time in ms from which a consumer that holds nothing is dropped
-- Returns  OK, 1 where entries wait and 0 where none do, number of retries returned
local lease = tonumber(ARGV[2])
local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now_ms(), 'LIMIT', 0, ARGV[3])

for _, member in ipairs(due) do
  local fields = cjson.decode(member)
  table.remove(fields, 1)
  redis.call('XADD', KEYS[3], '*', unpack(fields))
  redis.call('ZREM', KEYS[2], member)
end

local waits = 0
for position = 3, 5 do
  local stream = KEYS[position]
  local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  if last then
    local groups = redis.call('XINFO', 'GROUPS', stream)
    local delivered
    for _, group in ipairs(groups) do
      local facts = {}
      for at = 1, #group, 2 do facts[group[at]] = group[at + 1] end
      if facts['name'] == GROUP then delivered = facts['last-delivered-id'] end
    end
    if delivered ~= last[1] then
      -- The last entry was delivered only if it is the group's last-delivered one or lies before it.
      local after = delivered and redis.call('XRANGE', stream, '(' .. delivered, '+', 'COUNT', 1)[1]
      if after or not delivered then waits = 1 end
    end
    if waits == 0 and redis.call('XPENDING', stream, GROUP, 'IDLE', lease, '-', '+', 1)[1] then
      waits = 1
    end
  end
  local consumers = redis.pcall('XINFO', 'CONSUMERS', stream, GROUP)
  if not consumers.err then
    for _, consumer in ipairs(consumers) do
      local facts = {}
      for at = 1, #consumer, 2 do facts[consumer[at]] = consumer[at + 1] end
      if facts['pending'] == 0 and facts['idle'] > tonumber(ARGV[4]) then
        redis.call('XGROUP', 'DELCONSUMER', stream, GROUP, facts['name'])
      end
    end
  end
end
return {'OK', waits, #due}
