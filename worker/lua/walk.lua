-- Reads images of one cluster, the latest first.
--
-- ARGV[2]  phash, 8 bytes, ARGV[3] number of an image of the cluster to begin below, or empty, ARGV[4] how many
-- Returns  OK, then number, record, number, record …; UNKNOWN where ARGV[3] is no image of this cluster
local phash_hex = hex(ARGV[2])
local cluster = prefix .. 'phash:' .. phash_hex
local limit = tonumber(ARGV[4])
local reply = {'OK'}

local function previous_of(record)
  local _, _, _, _, rank, _, previous = struct.unpack(HEADER, record)
  return rank > 0 and previous or nil
end

local at
if ARGV[3] == '' then
  at = tonumber(redis.call('ZSCORE', prefix .. 'by:last', phash_hex) or redis.call('SMEMBERS', cluster)[1])
elseif redis.call('SISMEMBER', cluster, ARGV[3]) == 0 then
  return {'UNKNOWN'}
else
  at = previous_of(read_record(ARGV[3]))
end
while at and #reply <= 2 * limit do
  local record = read_record(at)
  reply[#reply + 1] = at
  reply[#reply + 1] = record
  at = previous_of(record)
end
return reply
