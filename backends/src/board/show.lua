-- Shows a snapshot unless a newer one is shown already, and tells everybody who watches.
-- KEYS[1] the task's key; ARGV: rank, snapshot, time to live in milliseconds, channel.
-- A rank is a number of fixed width with leading zeros, so that comparing the text compares the numbers, exactly:
-- numbers of Lua are exact only up to 2^53.
local shown = redis.call('HGET', KEYS[1], 'rank')
if shown and shown > ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'rank', ARGV[1], 'snapshot', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PUBLISH', ARGV[4], ARGV[2])
return 1
