"""Who may sync: users, their passwords and the host keys of their devices, in one database.

It knows neither HTTP nor collections; the folder of a user is only a name here.
"""
