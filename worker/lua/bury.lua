-- Frees at once what a dead consumer held, and removes the consumer where it holds nothing.
--
-- KEYS[2..]  {archive}:images:<lane>  stream
-- ARGV[2]    consumer, known to be dead
-- ARGV[3]    lease, ms
-- Returns    OK, number of entries freed
local consumer, lease = ARGV[2], ARGV[3]
local freed = 0

for position = 2, #KEYS do
  local stream = KEYS[position]
  local rows = redis.pcall('XPENDING', stream, GROUP, '-', '+', 10000, consumer)
  if not rows.err then
    if #rows == 0 then
      redis.call('XGROUP', 'DELCONSUMER', stream, GROUP, consumer)
    end
    for _, row in ipairs(rows) do
      redis.call('XCLAIM', stream, GROUP, consumer, 0, row[1], 'IDLE', lease, 'RETRYCOUNT', row[4], 'JUSTID')
      freed = freed + 1
    end
  end
end
return {'OK', freed}
