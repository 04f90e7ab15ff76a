-- Reads what an alert tells: everything below one image's number, found in a few steps back from the last one.
--
-- ARGV[2]    number of the image, ARGV[3] its phash (8 bytes), ARGV[4] how many earlier copies to read
-- ARGV[5..]  phashes of the look-alike clusters, 8 bytes each
-- Returns    OK, list of {number, record} of the latest copies, latest first, then for each cluster
--            {images below the number, record of the first, record of the last below the number}, or an empty list
--
-- Nothing at all where a failover took the image or the cluster: `publish.lua` finds out and says so.
local number = tonumber(ARGV[2])

local copies = {}
local at = previous_of(read_record(number))
while at and #copies < tonumber(ARGV[4]) do
  local record = read_record(at)
  if record then copies[#copies + 1] = {at, record} end
  at = previous_of(record)
end

local reply = {'OK', copies}
for position = 5, #ARGV do
  local last = last_of(hex(ARGV[position]))
  local record = last and read_record(last)
  while record and last >= number do
    last = previous_of(record)
    record = last and read_record(last)
  end
  local rank, first
  if record then rank, first = place_of(record) end
  local first_record = first and read_record(first)
  reply[#reply + 1] = first_record and {rank + 1, first_record, record} or {}
end
return reply
