-- Creates an archive where the server has none; stands alone, without the prelude, since it is what makes the uuid.
--
-- KEYS[1]  {archive}:archive  hash
-- ARGV     name, value, name, value … of its facts
-- Returns  the facts that stand now, ours or those that stood before
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], unpack(ARGV))
end
return redis.call('HGETALL', KEYS[1])
