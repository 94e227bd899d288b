au BufRead,BufNewFile *.zx setfiletype zx
