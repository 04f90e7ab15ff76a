-- Makes entries free at once, as if the caller had never taken them: the delivery does not count.
--
-- KEYS[2]    {archive}:images:<lane>  stream
-- ARGV[2]    consumer
-- ARGV[3]    lease, ms
-- ARGV[4..]  entry id, delivery number, entry id, delivery number …
-- Returns    OK, number of entries given back
local stream, consumer, lease = KEYS[2], ARGV[2], ARGV[3]
local given = 0

for at = 4, #ARGV, 2 do
  if owns(stream, ARGV[at], consumer, ARGV[at + 1]) then
    redis.call('XCLAIM', stream, GROUP, consumer, 0, ARGV[at], 'IDLE', lease, 'RETRYCOUNT', ARGV[at + 1] - 1, 'JUSTID')
    given = given + 1
  end
end
return {'OK', given}
