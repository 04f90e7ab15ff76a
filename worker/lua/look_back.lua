-- Reads what an alert tells: everything below one image's number, found in a few steps back from the last one.
--
-- ARGV[2]    number of the image, ARGV[3] its phash (8 bytes), ARGV[4] how many earlier copies to read
-- ARGV[5..]  phashes of the look-alike clusters, 8 bytes each
-- Returns    OK, list of {number, record} of the latest copies, latest first, then for each cluster
--            {images below the number, record of the first, record of the last below the number}, or an empty list
local number = tonumber(ARGV[2])

-- Nothing at all where a failover took the image or the cluster: `publish.lua` finds out and says so.
local function step_back(record)
  if not record then return nil end
  local _, _, _, _, rank, _, previous = struct.unpack(HEADER, record)
  return rank > 0 and previous or nil
end

local function rank_of(record)
  local _, _, _, _, rank = struct.unpack(HEADER, record)
  return rank
end

local function first_of(record)
  local _, _, _, _, _, first = struct.unpack(HEADER, record)
  return first
end

local copies = {}
local at = step_back(read_record(number))
while at and #copies < tonumber(ARGV[4]) do
  local record = read_record(at)
  if record then copies[#copies + 1] = {at, record} end
  at = step_back(record)
end

local reply = {'OK', copies}
for position = 5, #ARGV do
  local phash_hex = hex(ARGV[position])
  local last = redis.call('ZSCORE', prefix .. 'by:last', phash_hex)
  last = tonumber(last or redis.call('SMEMBERS', prefix .. 'phash:' .. phash_hex)[1])
  local record = last and read_record(last)
  while record and last >= number do
    last = step_back(record)
    record = last and read_record(last)
  end
  local first = record and read_record(first_of(record))
  reply[#reply + 1] = first and {rank_of(record) + 1, first, record} or {}
end
return reply
