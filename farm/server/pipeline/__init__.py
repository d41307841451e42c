"""The release pipeline: what is built is collected, passes the gates of a channel as one set, and is published.
Rooms from low to high: publication, members, candidates, gates and search, excuses, publishing; `pipeline` joins them.
"""
