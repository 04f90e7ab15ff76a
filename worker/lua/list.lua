-- Lists clusters of two images or more in descending order of a listing, from a position on; the position is a pair of
-- score and phash that need not stand there any more, so that a page begins where the last one ended whatever has moved.
--
-- KEYS[2]  {archive}:by:size, {archive}:by:last or {archive}:by:first  sorted set
-- ARGV[2]  score, ARGV[3] phash (16 hex digits) after which to begin, both empty for the beginning
-- ARGV[4]  how many to give, ARGV[5] how many to look at
-- ARGV[6]  fewest images, ARGV[7] least and ARGV[8] greatest number of the last image, ARGV[9] source of one of the
--          latest images, or empty, ARGV[10] how many of the latest images to look at for it
-- ARGV[11] how many of its latest images to give of each cluster, one at least
-- Returns  OK, score and phash of the last one looked at, or two empty strings where the listing is at its end, then
--          each cluster as `tell_cluster` does
local listing = KEYS[2]
local limit, most = tonumber(ARGV[4]), tonumber(ARGV[5])
local fewest, least, greatest = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local source, depth = ARGV[9], tonumber(ARGV[10])
local latest = tonumber(ARGV[11])
local by_size, by_last = prefix .. 'by:size', prefix .. 'by:last'

-- Position of the first element below (score, phash): bisection among those with the same score.
local function find_start(score, phash)
  local low = redis.call('ZCOUNT', listing, '(' .. score, '+inf')
  local high = redis.call('ZCOUNT', listing, score, '+inf')
  while low < high do
    local middle = math.floor((low + high) / 2)
    if redis.call('ZREVRANGE', listing, middle, middle)[1] < phash then high = middle else low = middle + 1 end
  end
  return low
end

local function source_of(record)
  local at = URL_AT
  for _ = 1, 2 do
    if at > #record then return '' end
    at = at + 2 + struct.unpack('>I2', record, at)
  end
  if at > #record then return '' end
  local length = struct.unpack('>I2', record, at)
  return string.sub(record, at + 2, at + 1 + length)
end

local function has_source(number)
  for _ = 1, depth do
    if not number then return false end
    local record = read_record(number)
    if source_of(record) == source then return true end
    number = previous_of(record)
  end
  return false
end

local at = ARGV[2] == '' and 0 or find_start(ARGV[2], ARGV[3])
local found, score, phash, is_over = {}, '', '', false
local looked_at = 0
while #found < limit and looked_at < most and not is_over do
  local page = redis.call('ZREVRANGE', listing, at, at + 99, 'WITHSCORES')
  if #page == 0 then is_over = true end
  for position = 1, #page, 2 do
    if #found == limit or looked_at == most then break end
    looked_at = looked_at + 1
    phash, score = page[position], page[position + 1]
    local images = listing == by_size and tonumber(score) or tonumber(redis.call('ZSCORE', by_size, phash))
    local last = listing == by_last and tonumber(score) or tonumber(redis.call('ZSCORE', by_last, phash))
    -- In these orders everything that follows is below the bound too.
    if (listing == by_size and images < fewest) or (listing == by_last and last < least) then
      is_over = true
      break
    end
    if images >= fewest and last >= least and last <= greatest and (source == '' or has_source(last)) then
      found[#found + 1] = tell_cluster(last, latest)
    end
  end
  at = at + 100
end
if is_over or (looked_at < most and #found < limit) then score, phash = '', '' end
return {'OK', score, phash, unpack(found)}
