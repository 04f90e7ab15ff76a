-- Reads images of one cluster, the latest first.
--
-- ARGV[2]  phash, 8 bytes, ARGV[3] number of an image of the cluster to begin below, or empty, ARGV[4] how many
-- Returns  OK, then number, record, number, record …; UNKNOWN where ARGV[3] is no image of this cluster
local phash_hex = hex(ARGV[2])
local at

if ARGV[3] == '' then
  at = last_of(phash_hex)
elseif redis.call('SISMEMBER', prefix .. 'phash:' .. phash_hex, ARGV[3]) == 0 then
  return {'UNKNOWN'}
else
  at = previous_of(read_record(ARGV[3]))
end
return walk_back({'OK'}, at, tonumber(ARGV[4]))
