-- Looks images up by their id.
--
-- ARGV[2..]  ids bucket (key, without the archive's prefix), id, ids bucket, id …
-- Returns    OK, then for each id: {number, record}, or an empty list where it is unknown
local found = {'OK'}

for at = 2, #ARGV, 2 do
  local number = redis.call('HGET', prefix .. ARGV[at], ARGV[at + 1])
  found[#found + 1] = number and {tonumber(number), read_record(number)} or {}
end
return found
