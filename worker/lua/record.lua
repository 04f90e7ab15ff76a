-- Files one image in one step: number, cluster, log, record. An image that is filed already keeps what it has.
--
-- KEYS[2]  {archive}:images:<lane>   stream
-- KEYS[3]  {archive}:ids:<bucket>    hash        id -> number
-- KEYS[4]  {archive}:phash:<hex>     set         numbers of the images with this hash
-- KEYS[5]  {archive}:counters        hash        images, rows, clusters, low_information, seen_at
-- KEYS[6]  {archive}:by:size, KEYS[7] {archive}:by:last  sorted sets  clusters of two images or more; so is by:first
-- KEYS[8]  {archive}:hashes:seals    hash        segment -> SHA-1 of its 65,536 rows
-- ARGV[2]  consumer, ARGV[3] entry id, ARGV[4] delivery number
-- ARGV[5]  image id, ARGV[6] its URL where the id is derived from it, else empty
-- ARGV[7]  phash, 8 bytes, ARGV[8] 1 where it is searchable (popcount 32), else 0
-- ARGV[9]  the rest of the record, packed
-- Returns  LOST, CONFLICT (a derived id is stored with another URL), or OK, number, record
if not owns(KEYS[2], ARGV[3], ARGV[2], ARGV[4]) then
  return {'LOST'}
end

local known = redis.call('HGET', KEYS[3], ARGV[5])
if known then
  local record = read_record(known)
  local length = struct.unpack('>I2', record, URL_AT)
  if ARGV[6] ~= '' and string.sub(record, URL_AT + 2, URL_AT + 1 + length) ~= ARGV[6] then
    return {'CONFLICT'}
  end
  return {'OK', tonumber(known), record}
end

local counters = redis.call('HMGET', KEYS[5], 'images', 'rows', 'clusters', 'seen_at', 'low_information')
local number, rows, clusters = tonumber(counters[1] or 0), tonumber(counters[2] or 0), tonumber(counters[3] or 0)
local seen_at = math.max(now_ms(), tonumber(counters[4] or 0))
local low_information = tonumber(counters[5] or 0)
local phash, phash_hex = ARGV[7], hex(ARGV[7])

local rank = redis.call('SCARD', KEYS[4])
local first, previous, sealed = number, number, nil
if rank == 0 then
  clusters = clusters + 1
  if ARGV[8] == '1' then rows = rows + 1 end
elseif rank == 1 then
  previous = tonumber(redis.call('SMEMBERS', KEYS[4])[1])
  first = previous
else
  previous = tonumber(redis.call('ZSCORE', KEYS[7], phash_hex))
  local _, _, _, _, _, first_number = struct.unpack(HEADER, read_record(previous))
  first = first_number
end
if ARGV[8] == '0' then low_information = low_information + 1 end

-- The first write: refused whole, with nothing changed, where the server is at maxmemory.
redis.call('HSET', KEYS[5], 'images', string.format('%d', number + 1), 'rows', string.format('%d', rows),
  'clusters', string.format('%d', clusters), 'seen_at', string.format('%d', seen_at),
  'low_information', string.format('%d', low_information))
redis.call('SADD', KEYS[4], string.format('%d', number))
if rank == 0 and ARGV[8] == '1' then
  local segment = prefix .. 'hashes:' .. string.format('%d', math.floor((rows - 1) / 65536))
  redis.call('APPEND', segment, phash)
  if rows % 65536 == 0 then
    redis.call('HSET', KEYS[8], string.format('%d', rows / 65536 - 1), redis.sha1hex(redis.call('GET', segment)))
  end
elseif rank > 0 then
  redis.call('ZADD', KEYS[6], rank + 1, phash_hex)
  redis.call('ZADD', KEYS[7], number, phash_hex)
  if rank == 1 then redis.call('ZADD', prefix .. 'by:first', previous, phash_hex) end
end

local record = struct.pack(HEADER, 0, phash, seen_at, rows, rank, first, previous) .. ARGV[9]
redis.call('HSET', image_key(number), string.format('%d', number), record)
redis.call('HSET', KEYS[3], ARGV[5], string.format('%d', number))
return {'OK', number, record}
