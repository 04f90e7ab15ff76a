-- Reads images of clusters, latest first: each step goes to the image before it in its cluster.
--
-- ARGV[2]    how many images to read of each cluster, at most
-- ARGV[3..]  numbers of the images to begin at
-- Returns    OK, then for each: record of the first image of its cluster, number, record, number, record …
local most = tonumber(ARGV[2])
local reply = {'OK'}

for position = 3, #ARGV do
  local at = tonumber(ARGV[position])
  local images = {false}
  while at and #images < 2 * most do
    local record = read_record(at)
    local _, _, _, _, rank, first, previous = struct.unpack(HEADER, record)
    if not images[1] then images[1] = read_record(first) end
    images[#images + 1] = at
    images[#images + 1] = record
    at = rank > 0 and previous or nil
  end
  reply[#reply + 1] = images
end
return reply
