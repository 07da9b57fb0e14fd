module dig

go 1.19

require whiskers v0.0.0

replace whiskers => ../../../sdk/go
