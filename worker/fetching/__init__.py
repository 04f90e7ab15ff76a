"""What a download is made of: addresses, limits of time and bytes, hosts and their manners, the loop of libcurl."""
