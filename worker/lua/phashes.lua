-- Reads the hashes of all images of some buckets of records.
--
-- ARGV[2]  number of the first bucket, ARGV[3] number of the last one
-- Returns  OK, then for each bucket its images' hashes in the order of their numbers, 8 bytes each
local reply = {'OK'}

for bucket = tonumber(ARGV[2]), tonumber(ARGV[3]) do
  local stored = redis.call('HGETALL', prefix .. 'image:' .. string.format('%d', bucket))
  local hashes = {}
  for at = 1, #stored, 2 do
    hashes[stored[at] - bucket * 128 + 1] = string.sub(stored[at + 1], 2, 9)
  end
  reply[#reply + 1] = table.concat(hashes)
end
return reply
