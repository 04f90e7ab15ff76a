-- Reads what several clusters are now.
--
-- ARGV[2]    how many of its latest images to give of each, one at least
-- ARGV[3..]  phashes, 8 bytes each
-- Returns    OK, then each cluster as `tell_cluster` does, or an empty list where no image has this hash
local reply = {'OK'}

for position = 3, #ARGV do
  local last = last_of(hex(ARGV[position]))
  reply[#reply + 1] = last and tell_cluster(last, tonumber(ARGV[2])) or {}
end
return reply
