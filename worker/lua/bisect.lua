-- Turns a time into a number: record times never fall.
--
-- KEYS[2]  {archive}:counters  hash
-- ARGV[2]  time in ms
-- Returns  OK, number of the first image that was seen at this time or later; the next number where none was
local low, high = 0, tonumber(redis.call('HGET', KEYS[2], 'images') or 0)

while low < high do
  local middle = math.floor((low + high) / 2)
  local _, _, seen_at = struct.unpack(HEADER, read_record(middle))
  if seen_at >= tonumber(ARGV[2]) then high = middle else low = middle + 1 end
end
return {'OK', low}
