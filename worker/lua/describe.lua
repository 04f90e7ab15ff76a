-- Reads what several clusters are now.
--
-- ARGV[2..]  phashes, 8 bytes each
-- Returns    OK, then for each cluster {images, number of the first, its record, number of the last, its record},
--            or an empty list where no image has this hash
local reply = {'OK'}

for position = 2, #ARGV do
  local phash_hex = hex(ARGV[position])
  local cluster = prefix .. 'phash:' .. phash_hex
  local images = redis.call('SCARD', cluster)
  if images == 0 then
    reply[#reply + 1] = {}
  else
    local last = tonumber(redis.call('ZSCORE', prefix .. 'by:last', phash_hex) or redis.call('SMEMBERS', cluster)[1])
    local record = read_record(last)
    local _, _, _, _, _, first = struct.unpack(HEADER, record)
    reply[#reply + 1] = {images, first, read_record(first), last, record}
  end
end
return reply
