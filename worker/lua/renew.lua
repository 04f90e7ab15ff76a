-- Renews the lease of entries that their owner still works on.
--
-- KEYS[2]    {archive}:images:<lane>  stream
-- ARGV[2]    consumer
-- ARGV[3..]  entry id, delivery number, entry id, delivery number …
-- Returns    OK, then the ids of the entries that are no longer the caller's
local stream, consumer = KEYS[2], ARGV[2]
local lost = {'OK'}

for at = 3, #ARGV, 2 do
  if owns(stream, ARGV[at], consumer, ARGV[at + 1]) then
    redis.call('XCLAIM', stream, GROUP, consumer, 0, ARGV[at], 'JUSTID')
  else
    lost[#lost + 1] = ARGV[at]
  end
end
return lost
