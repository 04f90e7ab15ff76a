-- Stands between the prelude and the scripts that read clusters.

-- Where an image stands in its cluster: how many came before it, number of the first, number of the one before it.
local function place_of(record)
  local _, _, _, _, rank, first, previous = struct.unpack(HEADER, record)
  return rank, first, previous
end

-- Number of the image before one in its cluster; nil before the first, and where a failover took the record.
local function previous_of(record)
  if not record then return nil end
  local rank, _, previous = place_of(record)
  return rank > 0 and previous or nil
end

-- Number of the last image with this hash; nil where there is none. A cluster of one image is in no listing.
local function last_of(phash_hex)
  local last = redis.call('ZSCORE', prefix .. 'by:last', phash_hex)
  return tonumber(last or redis.call('SMEMBERS', prefix .. 'phash:' .. phash_hex)[1])
end

-- Adds to a reply the images of a cluster from one of them back, `most` at most: number, record, number, record …
local function walk_back(reply, number, most)
  while number and most > 0 do
    local record = read_record(number)
    reply[#reply + 1] = number
    reply[#reply + 1] = record
    number, most = previous_of(record), most - 1
  end
  return reply
end

-- A cluster as it is now: {images, number of the first, its record, number, record …}, its latest `most`, latest first.
local function tell_cluster(last, most)
  local told = walk_back({0, 0, ''}, last, most)
  local rank, first = place_of(told[5])
  told[1], told[2], told[3] = rank + 1, first, read_record(first)
  return told
end
