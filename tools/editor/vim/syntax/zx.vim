" Vim syntax file for zx, the language of zvm.
" Keywords come first: a later item of the same length wins, so strings and comments hide them.
if exists("b:current_syntax")
  finish
endif
let s:cpo_save = &cpo
set cpo&vim

syn case match
syn iskeyword @,48-57,_

syn keyword zxConditional if elif else match
syn keyword zxRepeat while for each in break continue
syn keyword zxException try catch finally throw
syn keyword zxStatement return await
syn keyword zxDeclaration let const action function lambda async
syn keyword zxOperatorWord and or
syn keyword zxBoolean true false
syn keyword zxNull null
syn keyword zxThis this
syn keyword zxPrint print
syn keyword zxReserved spawn
syn keyword zxBuiltin abs append args ceil chr contains ends_with entries error extend filter
syn keyword zxBuiltin first float floor get has index_of insert int is_empty isolate_id join keys
syn keyword zxBuiltin last len length lower lowercase map max min ord pop pow push range reduce
syn keyword zxBuiltin monitor receive self send
syn keyword zxBuiltin remove replace require rest reverse round size sleep slice sort split sqrt
syn keyword zxBuiltin starts_with str string substring trim type typeof upper uppercase values

" Contextual words are names elsewhere, and any word may follow a dot.
syn match zxDeclaration "\<data\>\ze[ \t]\+\h"
syn match zxDeclaration "\<extends\>\ze\s\+\h"
syn match zxDeclaration "\<method\>\ze\s\+\h"
syn match zxMember "\.\@<!\.\s*\h\w*"

syn match zxNumber "\<\d\+\>"
syn match zxFloat "\<\d\+\.\d\+\%([eE][+-]\=\d\+\)\=\>"
syn match zxFloat "\<\d\+[eE][+-]\=\d\+\>"

syn match zxEscape "\\[ntr0\\\"'$]" contained
syn match zxEscape "\\u{\x\{1,6}}" contained
syn region zxBraces start="{" end="}" contained contains=TOP,zxBraces
syn region zxInterpolation matchgroup=zxEscape start="${" end="}" contained oneline contains=TOP,zxBraces
syn region zxString start=+"+ end=+"+ oneline contains=zxEscape,zxInterpolation
syn region zxString start=+'+ end=+'+ oneline contains=zxEscape
syn region zxString start=+"""+ end=+"""+ contains=zxEscape
syn region zxString start=+'''+ end=+'''+ contains=zxEscape

syn keyword zxTodo TODO FIXME contained
syn match zxComment "#.*$" contains=zxTodo
syn match zxComment "//.*$" contains=zxTodo
syn region zxComment start="/\*" end="\*/" contains=zxTodo,zxComment

hi def link zxConditional Conditional
hi def link zxRepeat Repeat
hi def link zxException Exception
hi def link zxStatement Statement
hi def link zxDeclaration Keyword
hi def link zxOperatorWord Operator
hi def link zxBoolean Boolean
hi def link zxNull Constant
hi def link zxThis Identifier
hi def link zxPrint Function
hi def link zxBuiltin Function
hi def link zxReserved Error
hi def link zxMember NONE
hi def link zxNumber Number
hi def link zxFloat Float
hi def link zxEscape SpecialChar
hi def link zxString String
hi def link zxTodo Todo
hi def link zxComment Comment

let b:current_syntax = "zx"
let &cpo = s:cpo_save
unlet s:cpo_save
