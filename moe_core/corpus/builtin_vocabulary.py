"""Lexicon and productions of the built-in stories, as data.

A block holds one alternative per line; an indented line continues the one before.

    (a|b)          choose one            <rule>       expand a rule, no line twice in a story
    <rule:name>    expand once per story <table.col>  a column of the story's row of that table
    {h} {h.o}      mention: subject, object; name or pronoun is decided by the context
    {h.p} {h.n}    possessive; name forced
    {h.they} {h.them} {h.their} {h.self}    pronoun forced
    {x} {x.n} {x.a} {x.is}                  the kite, kite, a red kite, is/are
    //  ##         end of segment, end of paragraph
    h: Words.      speech by h; h/sad: gives the mood
    h* go * see    clause chain: verb phrases headed by lemmas, `=` marks one left as it is
    ^adv^ ^^adv^   adverbial of the chain, movable or always in front

Characters: h hero, f friend, g grown-up of the family, e elder, s stranger, r rival,
k whoever helped in this plot; two letters name a pair. The thing is x.
"""

IRREGULAR = {  # lemma: past, participle
    "be": ("was", "been"), "become": ("became", "become"), "begin": ("began", "begun"),
    "blow": ("blew", "blown"), "bring": ("brought", "brought"), "choose": ("chose", "chosen"),
    "come": ("came", "come"), "creep": ("crept", "crept"), "dig": ("dug", "dug"),
    "eat": ("ate", "eaten"), "fall": ("fell", "fallen"), "find": ("found", "found"),
    "forget": ("forgot", "forgotten"), "get": ("got", "gotten"), "give": ("gave", "given"),
    "go": ("went", "gone"), "grow": ("grew", "grown"), "hear": ("heard", "heard"),
    "hold": ("held", "held"), "keep": ("kept", "kept"), "lay": ("laid", "laid"),
    "lead": ("led", "led"), "lie": ("lay", "lain"), "light": ("lit", "lit"),
    "make": ("made", "made"), "meet": ("met", "met"), "put": ("put", "put"),
    "ring": ("rang", "rung"), "run": ("ran", "run"), "say": ("said", "said"),
    "see": ("saw", "seen"), "set": ("set", "set"), "shake": ("shook", "shaken"),
    "sing": ("sang", "sung"), "sit": ("sat", "sat"), "sleep": ("slept", "slept"),
    "spit": ("spat", "spat"), "stand": ("stood", "stood"), "stick": ("stuck", "stuck"),
    "swing": ("swung", "swung"), "take": ("took", "taken"), "tell": ("told", "told"),
    "think": ("thought", "thought"), "throw": ("threw", "thrown"), "wake": ("woke", "woken"),
    "weep": ("wept", "wept"),
}  # fmt: skip
DOUBLING = {"unwrap", "admit", "begin", "forget"}  # longer verbs whose last consonant doubles

NAMES = {
    "she": """
Ada Bella Clover Daisy Edith Fern Greta Hazel Ivy Juniper Kitty Lotta Maple Nell Olive Poppy Rosa
Saffron Tilly Una Vera Willa Yara Zelda Amber Bonnie Coral Dot
""",
    "he": """
Alfie Barnaby Caspar Duncan Elmer Felix Gus Hugo Igor Jasper Kip Leo Milo Ned Otto Pascal Quentin
Rufus Silas Toby Ulric Victor Wilbur Yuri Ziggy Amos Bruno Chester
""",
}
STATIVE = {"be", "own", "want", "have", "know", "like", "need", "grow", "lie"}  # no "after being"

SETTINGS: list[dict[str, str]] = [
    {
        "name": "forest",
        "animals": "fox bear badger hedgehog squirrel mole raccoon hare",
        "at": """
in the forest
in <place:place> Forest
among the old trees
""",
        "to": """
into the forest
deep into the woods
to the clearing
""",
        "den": """
in a snug den under an oak
in a hollow log lined with moss
beneath the roots of a beech tree
behind a curtain of ivy
""",
        "way": """
along the mossy path
between the tall pines
over the roots and ferns
past the hollow oak
down the shady trail
""",
        "nook": """
beside the brook
under the biggest oak
on a fallen trunk
""",
        "spot": """
under a pile of leaves
behind a mossy log
inside a hollow stump
beneath the blackberry bushes
between the roots of an oak
beside the ferns
near the anthill
""",
        "sight": """
(acorns|pine cones) dropped softly from the branches
a woodpecker tapped high above
sunlight fell in stripes between the trunks
the leaves whispered overhead
moths danced over the ferns
""",
    },
    {
        "name": "farm",
        "animals": "puppy kitten rabbit mouse hedgehog mole rat",
        "at": """
on the farm
on <place:place> Farm
at the edge of the wheat fields
""",
        "to": """
to the barn
out to the far field
to the orchard
""",
        "den": """
in a warm corner of the barn
behind the hen house
under the hayloft stairs
""",
        "house": """
in a farmhouse with a crooked chimney
in a white house beside the barn
in a little cottage behind the orchard
""",
        "way": """
across the muddy yard
along the stone wall
past the scarecrow
through the wheat
between the haystacks
""",
        "nook": """
by the duck pond
on the orchard wall
beside the haystack
""",
        "spot": """
under the hay
behind the milk cans
inside the empty trough
beneath the tractor
beside the pumpkin patch
near the duck pond
between two sacks of corn
""",
        "sight": """
hens scratched in the dust
the windmill turned lazily
cows mooed by the gate
the smell of hay filled the air
swallows swooped around the barn
""",
    },
    {
        "name": "sea",
        "animals": "otter kitten puppy mouse rat rabbit monkey raccoon",
        "at": """
by the sea
at <place:place> Bay
beside the harbor
""",
        "to": """
down to the beach
to the harbor
to the end of the pier
""",
        "den": """
in a dry cave above the tide
under an upturned boat
among the dunes
""",
        "house": """
in a blue house near the lighthouse
in a cottage that smelled of salt
above the fish shop
""",
        "way": """
along the wet sand
over the dunes
past the fishing boats
across the pebbles
around the rock pools
""",
        "nook": """
on the pier
beside the rock pools
on a sunny dune
""",
        "spot": """
under an old net
behind a heap of seaweed
inside a wooden crate
between two slippery rocks
beneath the pier
beside a rock pool
near the rowing boats
""",
        "sight": """
gulls wheeled and squawked
the waves hissed over the pebbles
a far ship blew its horn
the sails flapped in the breeze
the tide crept in
""",
    },
    {
        "name": "village",
        "animals": "kitten puppy mouse hedgehog rabbit squirrel",
        "at": """
in a quiet village
in the village of <place:place>
at the foot of a green hill
""",
        "to": """
to the village square
to the market
to the green
""",
        "den": """
behind the baker's oven
under the village hall
in a cozy attic
""",
        "house": """
in a cottage with a thatched roof
in a narrow house with yellow shutters
next door to the bakery
""",
        "way": """
down the cobbled lane
past the bakery
over the little bridge
along the row of cottages
through the old stone gate
""",
        "nook": """
beside the well
on the church steps
under the linden tree
""",
        "spot": """
under a market stall
behind the water pump
inside an empty barrel
beneath the bench
beside the well
near the bakery door
between two flower pots
""",
        "sight": """
the church bell rang
bread was baking somewhere
the weathervane creaked
pigeons cooed on the roof
neighbors chatted over their fences
""",
    },
    {
        "name": "river",
        "animals": "otter beaver mole rat mouse badger hedgehog raccoon",
        "at": """
by the river
on the banks of the <place:place> River
where the river bends
""",
        "to": """
down to the river
to the stepping stones
to the old mill
""",
        "den": """
in a burrow in the river bank
in a tidy lodge of sticks
under a weeping willow
""",
        "house": """
in an old mill with a dripping wheel
on a green houseboat
in a hut beside the ferry
""",
        "way": """
along the river bank
through the tall reeds
over the stepping stones
past the water mill
under the willows
""",
        "nook": """
on the river bank
under the willow
by the mill
""",
        "spot": """
under the willow
behind the reeds
inside a broken basket
beneath the wooden bridge
beside the mill wheel
between the stepping stones
near the lily pads
""",
        "sight": """
dragonflies hovered over the water
a fish jumped with a plop
the reeds rustled
the mill wheel splashed round and round
frogs croaked in the shallows
""",
    },
    {
        "name": "mountain",
        "animals": "bear hare fox lynx wolf badger squirrel",
        "at": """
high in the mountains
on <place:place> Mountain
in a green valley between two peaks
""",
        "to": """
up to the ridge
to the high meadow
to the shepherd's hut
""",
        "den": """
in a cave behind the waterfall
in a burrow below the ridge
among warm gray boulders
""",
        "house": """
in a wooden cabin under the peak
in a stone house with a red door
in the highest hut of the valley
""",
        "way": """
up the rocky track
beside the waterfall
across the swaying bridge
between the boulders
past the shepherd's hut
""",
        "nook": """
beside the waterfall
on a flat boulder
at the edge of the high meadow
""",
        "spot": """
under a flat stone
behind the woodpile
inside a shallow cave
beneath a twisted pine
beside the waterfall
between two boulders
near the goat pen
""",
        "sight": """
an eagle circled above the peaks
goat bells clinked far below
the waterfall thundered
clouds drifted through the valley
the snowy tops turned pink
""",
    },
    {
        "name": "meadow",
        "animals": "rabbit mouse hare mole hedgehog fox weasel badger",
        "at": """
in a wide meadow
in <place:place> Meadow
among the buttercups
""",
        "to": """
to the top of the hill
to the sunny side of the meadow
to the stream
""",
        "den": """
in a burrow under the hedge
in a round nest of grass
below a heap of warm stones
""",
        "way": """
through the long grass
over the stile
across the clover
along the hedge
beside the stream
""",
        "nook": """
by the stream
on a grassy mound
in the shade of the hedge
""",
        "spot": """
under the dock leaves
behind the hedge
inside a rabbit hole
beneath the wild roses
beside the stream
between the molehills
near the beehive
""",
        "sight": """
bees hummed in the clover
butterflies fluttered by
the grass swayed like water
a lark sang out of sight
crickets chirped
""",
    },
    {
        "name": "town",
        "animals": "kitten puppy mouse squirrel rat raccoon",
        "at": """
in a busy town
in the middle of <place:place>
on a noisy street
""",
        "to": """
to the park
to the library
to the corner shop
""",
        "den": """
in a box behind the toy shop
under the park bandstand
in the attic of the library
""",
        "house": """
in a tall brick house
in an apartment above the toy shop
at number nine, Lantern Street
""",
        "way": """
down the crowded sidewalk
across the square
past the bus stop
around the fountain
along the park railings
""",
        "nook": """
on a park bench
beside the fountain
on the library steps
""",
        "spot": """
under a park bench
behind the mailbox
inside a flower box
beneath the slide
beside the fountain
between two parked bicycles
near the bus stop
""",
        "sight": """
trams rattled by
the fountain splashed
a street fiddler played
the lamps blinked on one by one
shopkeepers swept their steps
""",
    },
    {
        "name": "snow",
        "animals": "bear fox hare wolf puppy lynx",
        "at": """
in the snowy north
in the white valley of <place:place>
beside a frozen lake
""",
        "to": """
to the frozen lake
out onto the snow
to the ice bridge
""",
        "den": """
in a warm snow cave
in a deep burrow under the drifts
behind a wall of icicles
""",
        "house": """
in a log cabin with a smoking chimney
in a round stone hut
in a hut with a turf roof
""",
        "way": """
across the crunchy snow
between the icicles
over the frozen stream
through the drifts
past the snowy firs
""",
        "nook": """
by the frozen lake
under a snowy fir
on the woodshed steps
""",
        "spot": """
under the sled
behind a snowdrift
inside an ice cave
beneath a bent fir
beside the frozen lake
between two blocks of ice
near the woodshed
""",
        "sight": """
snowflakes twirled down
the ice creaked and sang
green lights shimmered in the sky
the firs wore white hats
frost sparkled everywhere
""",
    },
]

TABLES = {
    # thing: tags lose, break, share, found; `part` comes off or splits; use is a verb phrase
    "things": """
noun / looks / number / tags / part / use / when / where
kite / (red|yellow|striped|paper) / one / lose break share / tail / fly {x.them} / on windy days
    / any
drum / (little|tin|wooden) / one / break share / skin / tap {x.them} / before breakfast / any
lantern / (brass|tin|green) / one / lose break found / handle / carry {x.them} around / after
    dark / any
scarf / (blue|woolen|long) / one / lose share found / hem / wrap up in {x.them} / when it was
    cold / any
mittens / (warm|knitted|purple) / many / lose found / cuffs / wear {x.them} / on frosty mornings
    / any
whistle / (silver|tin|wooden) / one / lose share found / cord / blow {x.them} / at noon / any
boat / (toy|blue|little) / one / lose break share / mast / sail {x.them} in a puddle / after
    rain / any
horse / (wooden|painted|toy) / one / lose break share / leg / gallop {x.them} around / after
    lunch / any
doll / (rag|tiny|patched) / one / lose break share / arm / tell {x.them} stories / at bedtime /
    any
marbles / (glass|green|shiny) / many / lose found / bag / roll {x.them} around / on rainy days /
    any
spyglass / (brass|old|short) / one / lose break found / strap / look through {x.them} / on
    starry nights / any
flute / (bamboo|wooden|silver) / one / lose share found / cord / play {x.them} / at sunset / any
basket / (wicker|round|willow) / one / break found / handle / fill {x.them} with berries / in
    summer / any
umbrella / (yellow|spotted|huge) / one / lose break share / handle / twirl {x.them} / in the
    rain / any
wagon / (red|wooden|squeaky) / one / break share / wheel / pull {x.them} around / all day long /
    any
puppet / (dragon|clown|velvet) / one / lose break share / string / make {x.them} dance / for
    visitors / any
ball / (bouncy|leather|orange) / one / lose share / seam / bounce {x.them} / against the wall /
    any
book / (picture|dusty|blue) / one / lose share found / cover / read {x.them} / by candlelight /
    any
blanket / (soft|patchwork|fuzzy) / one / lose share / corner / sleep under {x.them} / in every
    season / any
boots / (rubber|red|furry) / many / lose / laces / stomp around in {x.them} / in the mud / any
bell / (copper|little|cracked) / one / lose found break / clapper / ring {x.them} / at sunrise /
    any
teapot / (china|round|flowery) / one / break / spout / pour mint tea from {x.them} / on rainy
    days / any
crown / (paper|golden|play) / one / lose share / rim / play kings and queens with {x.them} / on
    Sundays / any
sled / (wooden|fast|green) / one / break share / runner / race downhill on {x.them} / until dark
    / snow mountain
skates / (old|silver|leather) / many / lose found / straps / glide over the ice on {x.them} / in
    winter / snow
bucket / (tin|red|little) / one / break share / handle / dig for shells with {x.them} / at low
    tide / sea
swing / (rope|wooden|creaky) / one / break share / rope / soar over the grass on {x.them} / for
    hours / any
jump rope / (long|striped|braided) / one / lose share / handle / skip with {x.them} / until dusk
    / any
watering can / (dented|tin|green) / one / break found / spout / water the beans with {x.them} /
    every evening / any
hat / (straw|floppy|feathered) / one / lose share found / brim / show {x.them} off / at parties
    / any
""",
    "plots": """
name / helper / thing / stranger / family
lost / f e / lose / weary / near
mistake / g / - / weary / near
mend / e / break / weary / near
fear / f g / - / weary / near
share / f / share / weary / near
wish / s / - / wisher / near
stranger / s / - / weary / near
contest / r / - / weary / near
storm / f / - / weary / near
secret / f / - / weary / near
learn / e / - / weary / near
visit / g / - / weary / far
found / s / found / weary / near
rescue / f / - / weary / near
grow / g / - / weary / near
newcomer / s / - / fresh / near
greedy / f / - / weary / near
disobey / e g / - / weary / near
noise / f / - / weary / near
gift / g / - / weary / near
heavy / s / - / tiny / near
prank / e / - / weary / near
""",
    "family": """
role / pronoun / tags
Mama / she / near
Papa / he / near
Grandma / she / near far
Grandpa / he / near far
Auntie / she / near far
Uncle / he / near far
""",
    # the hero broke `item` while `doing`; they mend it with `glue` and it is `after`
    "treasure": """
item / doing / crack / mend / after
blue vase / (chasing a bumblebee|dancing on one leg) / (broke into three pieces|cracked down the
    side) / glued the pieces together / held one brave daisy
music box / turning every key and knob / stopped in the middle of a note / loosened the spring
    with a hairpin / played its tune twice as sweetly
clock / (playing pirates|swinging a broom like a sword) / stopped with a sad twang / turned the
    little wheels until they clicked / ticked louder than before
teacup / (balancing dishes|pretending to be a waiter) / lost its handle / stuck the handle back
    on / held pencils instead of tea
garden gate / swinging on the latch / fell off its hinge / screwed the hinge back on / opened
    without a single squeak
picture frame / bouncing on the bed / fell and split at the corner / tapped in four small nails
    / hung straight on the wall
flower pot / kicking a ball indoors / tipped over and cracked / planted the geranium in a tin /
    stood in the sunniest window
rocking chair / (rocking far too hard|playing wild ponies) / snapped at one runner / bound the
    runner with cord / rocked as gently as a cradle
birdhouse / throwing pebbles at a post / split across the roof / nailed on a new roof / welcomed
    a family of sparrows
""",
    # afraid of what; `need` is why it must be faced; `step` what helped; `proof` the end
    "dread": """
what / sign / need / step / proof
the dark / slept with three candles burning / the last candle went out, and the matches were in
    the cellar / counted the steps aloud / found that the dark was full of quiet, friendly things
deep water / never went in past {h.their} knees / a duckling was drifting away on a plank / held
    a log and kicked / reached the plank and pushed it safely to land
thunder / hid under the table at every rumble / the barn door was banging open in the storm /
    sang louder than each clap / closed the door and even waved at the lightning
high places / would not climb a single rung / a baby bird had fallen onto a high ledge / looked
    only at the next step / stood at the very top and saw the whole world
speaking in a crowd / hid behind {g.n} whenever visitors came / someone had to ring the bell and
    warn everybody of a flood / looked at one kind face / spoke so clearly that all of them heard
spiders / screamed at every cobweb / a small spider was caught in the soap suds / watched it
    from far off, then a little nearer / lifted it out on a leaf and wished it well
the big dog next door / walked the long way around / the dog had its collar caught in the fence
    / talked in a soft voice / freed the dog, which licked {h.them} from chin to ear
the wobbly bridge / had never crossed the water / the doctor lived on the other side, and a
    neighbor had a fever / held the rope and breathed slowly / came back over it with the medicine
strangers / looked at the ground all day / a lost traveler needed someone to show the road /
    said hello first / chatted all the way to the crossroads
""",
    # a wish, what it seemed, three troubles it brings
    "boon": """
want / good / bad / worse / lesson
to be as tall as a tower / looked into the nests and waved at the clouds / bumped {h.their} head
    on every branch / nobody could hear {h.them} from so high up / the right size is the size you
    are
that it would never be bedtime / played by moonlight until the owls yawned / grew so tired that
    {h.they} put soup in {h.their} shoes / all {h.their} friends were fast asleep / rest makes play
    sweeter
that everything {h.they} touched would turn to candy / nibbled the table and licked the door /
    longed for plain bread / {h.their} pillow was a sticky lump of toffee / too much of a treat is
    no treat
to fly like a bird / looped over the rooftops / could not come down for supper / the wind
    carried {h.them} far from home / it is good to have your feet on the ground
to be invisible / tickled noses and stole no less than six cookies / was sat on twice / nobody
    noticed when {h.they} cried / being seen by those you love is a gift
never to be told what to do / ate pudding for breakfast / lost {h.their} way because nobody gave
    directions / no one said good night either / rules can be a kind of love
for a mountain of toys / opened boxes from dawn till noon / could not find {h.their} own bed /
    there was no room left for a friend to sit / a shared toy is worth a hundred lonely ones
to talk louder than anyone / called hello across three hills / woke every baby for miles /
    {h.their} friends ran away with covered ears / a soft voice is heard best
to be a grown-up at once / wore a long coat and gave orders / had to add up sums all day /
    nobody asked {h.them} to play / growing takes time for a reason
""",
    "plea": """
line / doubt / deed
I have not eaten since yesterday / {h} had only a little lunch, and {h.they} was hungry too /
    gave {s.them} the larger half
This bundle is heavy, and my back is sore / {h} was in a hurry, and the hill was steep / carried
    the bundle all the way
I have lost my way / it would be dark before long / walked along as far as the crossroads
I am so cold / {h} had just one coat / wrapped {h.their} coat around {s.them}
I have nowhere to sleep / {h.p} home was small / made up a bed of straw beside the stove
There is a thorn in my foot / the sight of thorns made {h.o} dizzy / pulled it out as gently as
    could be
My lamp has gone out / {h} had only enough oil for one lamp / poured half of the oil into the
    other lamp
My throat is so dry / the well was a long way off / fetched a jug of fresh water
""",
    "event": """
event / practice / boast / mishap / goal / win / where
the big race / ran around the field before dawn / I am as fast as lightning / tripped and
    twisted an ankle / the finish line / crossed the line / any
the pie contest / baked eleven burnt pies and one good one / My crust is as light as a cloud /
    dropped a whole tray of pastry / the judges' table / served the tastiest slice / any
the singing contest / practiced scales in the bathtub / My voice makes roses bloom / began to
    cough and could not stop / the stage / sang the clearest note / any
the kite contest / tied and untied a hundred knots / My kite will touch the moon / let go of the
    string by accident / the flying field / flew the highest / any
the raft race / paddled until {h.their} arms ached / My raft could cross an ocean / hit a rock
    and began to sink / the last bend / floated home ahead / river sea
the tower contest / stacked stones and sticks all week / My tower will scrape the sky / leaned
    too far and brought a tower down / the last brick / built the tallest tower / any
the dancing contest / twirled until the room spun / My feet have wings / ripped a dancing shoe /
    the last song / danced the merriest jig / any
the pumpkin show / watered a pumpkin at dusk and dawn / My pumpkin needs its own house / let a
    pumpkin roll off the cart / the weighing scale / brought the heaviest pumpkin / farm village
    meadow
""",
    "danger": """
what / cry / first / rescue / after / where
a nest of baby birds / The nest is going to fall / held the branch still with both {h.hands} /
    carried the nest to a sheltered nook / the mother bird sang on the doorstep / any
the little bridge / The bridge is breaking up / piled stones around the posts / tied it fast
    with a rope / travelers crossed it without wet feet / river forest meadow mountain village
a family of ducklings / The ducklings are being washed away / stretched a rope from bank to bank
    / scooped them up in a hat / seven ducklings marched past in a row / river farm meadow
the scarecrow / The scarecrow is flying / chased its straw legs / tied it upright with a vine /
    the scarecrow wore a flower in its hat / farm meadow
a stray lamb / There is a lamb out there / followed the sound of bleating / wrapped the lamb in
    a coat / the lamb slept by the stove / farm mountain meadow
the ferryman's boat / The boat has slipped its rope / waded in and grabbed the bow / hauled it
    up onto the grass / the ferryman gave free rides all week / river sea
the beehive / The hive has tipped over / spoke calmly to the bees / set it upright behind a wall
    / the bees left a comb of honey by the door / meadow farm forest
""",
    "skill": """
do / fail / tip / practice / show / where
swim / sank like a spoon / Lie back and let the water carry you / floated first, then kicked,
    then paddled / swam all the way around the island / sea river forest
whistle / blew nothing but spit / Make your lips as small as a pea / puffed and puffed on the
    way to bed / whistled a tune that made the birds look up / any
juggle / dropped apples on {h.their} own toes / Start with one, then add another / tossed one
    apple, then two, then three / kept four apples in the air / any
skip stones / threw one that sank with a plunk / Choose a flat one and bend low / tried flat
    stones and round stones and heavy stones / skipped a stone seven times / sea river mountain
ride a bicycle / fell into the nettles / Look far ahead, not at the wheel / wobbled a little
    less each day / rode past everyone, ringing the bell / town village farm
bake bread / made a loaf as hard as a brick / Give the dough time to rise / kneaded and waited,
    kneaded and waited / baked a golden loaf that steamed / any
tie knots / tied {h.their} own {h.hands} together / Over, under, and through / tied every string
    in the house / tied a bow that held all winter / any
climb trees / slid down with bark in {h.their} hair / Three limbs hold while one limb moves /
    climbed one branch higher each morning / touched the topmost twig / forest meadow farm
read / saw only squiggles / Listen for the first sound of every word / read signs and labels and
    seed packets / read a whole story aloud / any
dance / stepped on everybody's toes / Hear the drum inside the song / hopped and turned in the
    empty kitchen / danced until the musicians clapped / any
play the flute / made a noise like an angry goose / Breathe from your belly, slowly / played one
    note a day until it was pure / played a lullaby that hushed the room / any
""",
    "stuck": """
who / place / bad / clever / tool / where
a baby goat / in a deep ditch / jumped and slid back again / laid branches in the ditch like a
    ladder / a bundle of branches / mountain farm
a small turtle / upside down between two rocks / kicked all four legs at the sky / tipped it
    over with a long pole / a pole / town village sea
a sparrow / in a tangle of string / fluttered and got more tangled / cut the string one strand at a
    time / a pair of scissors / any
a fluffy duckling / in an empty barrel / peeped until it was hoarse / filled the barrel with
    water so that it floated up / six buckets of water / farm river village
a young fawn / in the thick mud / sank a little with every kick / slid a wide board under its
    belly / a board / forest meadow river
a fat beetle / in a jar / climbed the glass and slid down / leaned a twig inside the jar / one
    thin twig / any
a lost kid goat / on a narrow ledge / bleated and would not look down / coaxed it with a trail
    of clover / a pocket of clover / mountain farm
a little frog / at the bottom of a well / leaped and splashed back down / let down the bucket
    and waited / the old well bucket / village farm
a striped kitten / at the top of a pole / clung on and wailed / stacked crates into a stair /
    five apple crates / town village sea
""",
    "crop": """
seed / slow / care / harvest / food
a pumpkin seed / nothing but dirt / carried water in a tin cup / a pumpkin as round as the moon
    / pumpkin soup
a sunflower seed / one pale shoot / pulled the weeds away / a flower taller than a door /
    roasted seeds
a bean / a crack in the soil / built a frame of sticks / beans hanging like green fingers / bean
    stew
a strawberry plant / three tiny leaves / tucked straw around the roots / berries as red as
    ribbons / strawberry jam
a carrot seed / a feathery wisp / thinned the row and watered it / carrots as long as an arm /
    carrot cake
a tomato seed / a stalk as thin as thread / tied the stalk to a stake / fat red tomatoes /
    tomato pie
a kernel of corn / a single blade / chased off the crows / ears of yellow corn / popcorn
""",
    "food": """
dish / many / pain / left
blueberry pie / three whole slices / {h.p} belly groaned like a door / the smallest crust
honey / spoon after spoon / {h.p} tongue stuck to {h.their} teeth / one last drop
cherries / the whole bowl with the stones / {h.p} stomach rumbled like a cart / two wrinkled
    cherries
pancakes / eleven pancakes in a row / {h.n} could not stand up / half a cold pancake
plums / every ripe plum on the tree / {h.p} tummy twisted into knots / a green plum
gingerbread / the roof and walls of a gingerbread house / {h.n} turned as green as a pea / the
    gingerbread door
nuts / all the nuts in the winter jar / {h.n} rolled on the floor and moaned / an empty shell
raisin buns / buns from both trays / {h.n} felt as heavy as a stone / some crumbs
peaches / one peach after another / {h.p} middle was as tight as a drum / a single stone
""",
    "forbidden": """
place / why / lure / trouble / out / where
the old quarry / the stones there are loose / a glittering rock / the ground slid away under
    {h.their} feet / let down a rope / mountain village town farm
the frozen pond / the ice is thin in spring / a smooth, shiny slope / the ice cracked with a
    bang / lay flat and held out a branch / snow mountain
the bramble tunnel / nobody can turn around inside / the fattest berries / the thorns caught
    {h.them} on every side / cut a way in with shears / forest meadow farm
the tall reeds / all the paths look alike there / a bright blue feather / every way led back to
    the same puddle / rang a bell until {h.n} could follow the sound / river meadow sea
the empty mill / the floor is rotten / a swinging rope / a board broke and {h.their} leg went
    through / lifted the boards away / river village farm
the far rocks / the tide comes in fast / a pool of starfish / the water closed in on all sides /
    came by in a little boat / sea
the steep hill / it is slick after rain / a rainbow at the top / {h.they} slid and slid into a
    pit / dropped a knotted vine / meadow village forest
the dark cave / it twists like a snail shell / a sparkle deep inside / the light was gone and
    every turn looked wrong / came in with a lamp and a ball of string / mountain sea forest snow
""",
    "sound": """
sound / guess / truth / because
tap, tap, tap / a skeleton knocking on the wall / a branch against the window / the wind was
    pushing it
scratch, scratch / a goblin sharpening its claws / a hungry hedgehog at the door / it smelled
    the supper crumbs
hoo, hoo / a ghost calling its friends / the wind in an empty bottle / someone had left it on
    the sill
drip, drop, drip / a dragon licking its lips / a leaky bucket / it hung under the rain pipe
squeak, squeak / a witch rolling her cart / the weathervane on the roof / it wanted a drop of
    oil
rustle, rustle / a snake as long as a river / a mouse making a paper nest / winter was coming
clink, clank / a pirate counting gold / two tin cups on a string / the breeze rocked them
    together
flap, flap / a vampire at the window / a shirt on the clothesline / nobody had brought it in
""",
    "present": """
idea / make / flaw / love
a necklace of shells / threaded the shells one by one / two shells were chipped / wore it to the
    feast
a painting of the house / painted every window and door / the chimney leaned like a tired giant
    / hung it above the fire
a clay cup / pinched and smoothed the clay / it leaned to one side / drank from it every morning
a song with three verses / hummed it over and over / the last line did not rhyme / asked to hear
    it twice
a cushion stuffed with feathers / sewed all four sides / one corner leaked / took a nap on it
    right away
a bunch of wildflowers / picked one of every color / half of them drooped / set them in the best
    jug
a lopsided cake / stirred until {h.their} arms ached / the middle had sunk / asked for a second
    slice
a wooden spoon / carved for three evenings / it was rather short / stirred the soup with it at
    once
""",
    "load": """
what / why / stuck / how / where
a giant turnip / for the harvest soup / would not leave the ground / rocked it from side to side
    / farm village meadow
a fallen tree / off the only road / lay there like a sleeping whale / rolled it on round sticks
    / forest river mountain
a cart of firewood / up to the cold schoolhouse / sank to its axles / pushed on the count of
    three / forest snow mountain village
a huge snowball / to finish the snowman / sat at the foot of the slope / leaned in with their
    shoulders / snow mountain
a boulder / away from the spring / did not budge an inch / pushed a long beam beneath it /
    mountain meadow river
an old rowboat / down to the water / was stuck fast in the sand / slid it over wet logs / sea
    river
a barrel of apples / up the cellar steps / kept rolling back / tugged from above and shoved from
    below / farm village town
""",
    "new": """
odd / doubt / talent / use
spoke with a strange accent / Nobody understands a word / knew songs from far away / taught them
    all a round
wore a coat of a hundred patches / What a silly coat / could mend anything with a needle / sewed
    up the torn tent before the rain
never came out by day / Maybe it is something spooky / knew every star by name / led them home
    by starlight
walked with a crutch / That is too slow for our games / threw farther than anyone / hit the can
    on the first try
never said a word / How rude / drew pictures as fine as lace / drew each of them a
    portrait
carried a pet snail everywhere / Nobody likes snails / could tell the weather in advance /
    warned them in time about the hail
laughed with a loud snort / What a noise / told jokes that made stones giggle / cheered up the
    whole party
""",
}

# `= name` heads the alternatives of a rule
PRODUCTIONS = """
= trait
(curious|cheerful|gentle|lively|dreamy|merry|quiet|bouncy|thoughtful|shy|clever|small|brave|sleepy
  |freckled|messy|polite|stubborn)
= boast
(proud|boastful|swift|haughty|fancy|loud)
= weary
(weary|ragged|wrinkled|lonely|stooped|dusty)
= fresh
(new|shy|quiet|timid|pale|solemn)
= wisher
(tiny|shimmering) fairy
(silvery|golden) fish
(friendly|smoky) genie
(fallen|sleepy) star
(white|ancient) stag
(kindly|forgetful) wizard
(moonlit|glowing) moth
= tiny
tiny (ant|ladybug|shrew)
little (wren|beetle|gnat)
small (snail|cricket|sparrow)
= elder.people
(baker|shepherd|gardener|carpenter|fiddler|miller|weaver|fisher)
= elder.animals
(owl|tortoise|heron|raven|goat|toad|goose|donkey|turtle|crow|pelican)
= place
(Bramble|Hazel|Thistle|Honey|Willow|Silver|Copper|Raven) (Brook|Ford|Hollow|Glen)
(Winkle|Puddle|Pepper|Button) (Dale|Corner)
= once
once upon a time
long ago
not so very long ago
once
many (summers|winters|years) ago
when your grandma was small
in the days when (foxes wore boots|frogs wore hats|the moon was new)
(in a year|one year) when (spring came early|it rained plums|nobody was cross)
back when (wishes were cheap|bread cost a penny|hens could talk)
= day
one (bright|gray|windy|chilly|warm|golden|misty) (morning|afternoon|day)
one (Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)
early one morning
one day after (lunch|breakfast|a nap)
on the (first|last|warmest) day of (spring|summer|autumn)
one (morning|day) in (March|May|June|September|October)
just (before|after) (dawn|noon)
= hobby
counting clouds
collecting (smooth stones|odd buttons|feathers)
telling riddles
making up songs about soup
asking questions
building towers out of (pebbles|sticks|crumbs)
running barefoot in the dew
watching beetles
hopping over puddles
drawing with charcoal
humming while {h.they} worked
chasing {h.their} own shadow
listening to old tales
= color
{h} liked <hobby>, and {h.they} liked <hobby> even more.
(Most of all|More than anything), {h} enjoyed <hobby>.
All around, <sight>, and <sight>.
{h} was known for <hobby>.
{h.p} days were (spent|filled with) <hobby>.
It was a place where <sight>, and where <sight>.
There was (never|seldom|hardly) a dull (day|moment|hour) there, (for|since|because) {h} was always
  <hobby>.
{h.p} best friend was {f.titled}, and (the two|both) of them (loved|enjoyed) <hobby.two>.
Nobody was (better at|more fond of|quicker at) <hobby.two>.
{g} (said|claimed|swore) that (no one else|nobody|not a soul) was (half so|quite as) fond of
  <hobby>.
If you (looked|listened) carefully, you could always (find|catch) {h.o} <hobby>.
Some days {h} was <hobby>, and on others {h.they} was <hobby.two>.
= hobby.two
playing (pirates|hide-and-seek|tag)
inventing secret games
rolling down hills
looking for treasure
sharing jokes
chasing (fireflies|grasshoppers|leaves)
baking mud pies
= open
<once>, {h.new} lived <home>. // <color> ##
<once>, <at>, there was {h.new}. // <color> ##
<once>, there lived {h.new}. {h.they} lived <home>. ##
<home> lived {h.new}. // <color> ##
<once>, {h.new} and {h.their} family lived <home>. // <color> ##
{h.name} was {h.a} who lived <home>. // <color> ##
<at> lived {h.new}. // <color> ##
Have you heard of {h.name}? {h.they} was {h.a} who lived <home>. ##
This is the story of {h.name}, {h.a} who lived <at>. // <color> ##
There was once {h.new} whose home was <at>. // <color> ##
= here
in those parts
for miles around
in the neighborhood
= alas
oh no
oh dear
goodness
oh my
= treat
(hot|warm|spiced) (cocoa|cider|milk)
(honey|oat|ginger|lemon) (cookies|cakes|biscuits)
(blackberry|cherry|apple|rhubarb) (pie|tart|crumble)
(toasted|roasted) (chestnuts|marshmallows|cheese)
(onion|barley|mushroom) soup
(buttered|cinnamon) toast
pancakes with (syrup|jam)
= feast
that (evening|night), {hk} shared <treat> while <sight>.
hk* eat <treat> * laugh about it all ^that (night|evening|weekend)^
To (celebrate|mark the day), {g} made <treat>, and there was (plenty|enough|a bite) for everyone.
hk* sit <seat> * watch (the stars|the moon|the sunset|the fireflies) ^^at the end of the day^
{h} slept (well|deeply|soundly) that night, with a (warm heart|smile|light heart).
h* give {k.o} (a hug|a daisy|a shiny button|a jar of jam) * say thank you (twice|three times)
<treat> had (never|seldom) tasted (so good|so sweet|as fine) as on that (evening|day|night).
Afterward, <sight>, and all was (well|quiet|peaceful) again.
hk* walk home <way> * talk until (the stars came out|it was dark|they yawned)
Everyone <here> (heard|spoke|sang) about it, and (they|all of them|even the crows)
  (cheered|clapped|sang) for {hk.n}.
= seat
on the doorstep
side by side on a log
under a blanket
close to the fire
on the wall
= end
<feast> // <lesson>
<lesson>
<lesson>
<feast> // <lesson>
<lesson> // <feast>
<lesson> // <after>
= lesson
from that day on, {h} (knew|remembered|understood) that <moral>.
{h} (never forgot|always remembered|often spoke of) (what had happened|that day|it), (because|for)
  it had (taught|shown) {h.them} that <moral>.
And so {h} learned that <moral>.
k/wise: You see, {h.n}, <moral>.
h/happy: Now I know that <moral>.
{h} thought about it (for a long time|for many days|all that week). {h.they} had (learned|seen)
  that <moral>.
Ever since, when (little ones|others|friends) ask {h.o} for (advice|help), {h.they} (tells
  them|says) that <moral>.
(And whenever|Each time) {h} (thought of|remembered) that (day|time), {h.they} (smiled|nodded),
  for {h.they} knew that <moral>.
After all, <moral>.
That (is|was) how {h} (found out|came to see) that <moral>.
{h} (wrote|scratched|painted) it on a (card|stone|leaf) in (crooked|big|wobbly) letters, (so that
  nobody would forget|for everyone to read|to keep it safe). (It said|The words said) that
  <moral>.
g/wise: My dear, <moral>.
(There is a saying|They say) <here> that <moral>, and {h} (knows|is sure) that it is true.
{h} (went to bed|fell asleep|drifted off) with (a new|one last|a good) thought, which was that
  <moral>.
What did {h} learn? (Simply|Only|Just) this, that <moral>.
= after
And {hk} (stayed|remained|were) friends (for the rest of their days|from then on|ever after).
To this day, {k.n} (tells|repeats) the story to (anyone who will listen|every guest|the
  neighbors).
hk* =were never far apart after that
The next (day|morning|week), {hk} (met|played|laughed) together again, and (many times|often)
  after that.
And {k} was never (lonely|sad|bored) again.
If you (go|travel|walk) there, you (may|might) (still|even now) see {hk.n} <hobby.two>.
= say.say
said
said
said
said
remarked
= say.answer
replied
answered
said
explained
= say.ask
asked
asked
asked
inquired
= say.cry
cried
shouted
called
exclaimed
yelled
gasped
= say.sad
sobbed
sniffed
sighed
said
whimpered
said
= say.soft
whispered
murmured
said
mumbled
= say.happy
laughed
cheered
said
sang
giggled
chuckled
= say.cross
grumbled
snapped
growled
huffed
muttered
said
= say.kind
said
said
said
= say.proud
boasted
bragged
said
declared
announced
= say.wise
said
said
said
explained
= manner.say
calmly
slowly
, nodding
, looking up
at last
= manner.ask
politely
, tilting {S.their} head
, blinking
in surprise
curiously
, leaning closer
= manner.cry
wildly
, jumping up
, waving both arms
in alarm
at once
, out of breath
= manner.sad
sadly
, wiping {S.their} eyes
with a trembling lip
, hanging {S.their} head
in a tiny voice
unhappily
= manner.soft
softly
, looking at the ground
under {S.their} breath
shyly
, blushing
almost too low to hear
= manner.happy
happily
, clapping
with a grin
, spinning in a circle
merrily
, beaming
= manner.cross
crossly
, folding {S.their} arms
with a frown
, stamping one foot
sharply
rudely
= manner.kind
kindly
, smiling
gently
in a friendly voice
with a warm smile
warmly
= manner.proud
proudly
, puffing out {S.their} chest
with {S.their} nose in the air
, tossing {S.their} head
grandly
= manner.wise
with a wink
wisely
, nodding slowly
gently
, smiling
with a twinkle
= gesture.say
{S} nodded
{S} thought for a moment
{S} cleared {S.their} throat
{S} looked around
= gesture.ask
{S} tilted {S.their} head
{S} raised an eyebrow
{S} blinked twice
{S} stopped short
= gesture.cry
{S} jumped up
{S} gasped
{S} threw up {S.their} arms
{S} could hardly stand still
= gesture.sad
{S} wiped away a tear
{S} sat down with a bump
{S} swallowed hard
{S} began to cry
= gesture.soft
{S} stared at {S.their} toes
{S} took a deep breath
{S} turned pink
{S} leaned in close
= gesture.happy
{S} burst out laughing
{S} did a little dance
{S} grinned from ear to ear
{S} clapped
= gesture.cross
{S} frowned
{S} stamped {S.their} foot
{S} turned away
{S} scowled
= gesture.kind
{S} smiled
{S} stepped closer
{S} knelt down
{S} gave a friendly nod
= gesture.proud
{S} stood up very straight
{S} took a bow
{S} lifted {S.their} chin
{S} strutted in a circle
= gesture.wise
{S} winked
{S} nodded slowly
{S} smiled
{S} looked far into the distance
= lost
<lost.love> // <lost.lose> ## <lost.search> // <lost.give> ## <lost.help> // <lost.found>
<lost.love> ## <lost.lose> // <lost.search> ## <lost.help> // <lost.found>
= lost.love
The thing {h} loved best was {x.a}, and nothing pleased {h.them} more than to <things.use>
  <things.when>.
{g} had given {h.them} {x.a} for {h.their} birthday, and {h.they} liked to <things.use>
  <things.when>.
h* own {x.a} * =liked to <things.use> <things.when>
Wherever {h} went, {x.a} went too, because {h.they} loved to <things.use> <things.when>.
= lost.lose
^^<day>^ h* reach for {x} * find an empty place instead // h/sad: <alas>, {x} {x.is} gone!
h* come home from a long walk * notice that {x} {x.was} missing ^^<day>^
<day>, {h} looked for {x}, but {x.they} {x.was} nowhere to be seen. // h: Where can {x} be?
^^<day>^ h* wake up * want to <things.use> // But {x} {x.was} not there!
Then, <day>, {x} vanished. // h/sad: I had {x.them} yesterday, and now I have lost {x.them}.
= lost.search
h* look <spot> * find (a lost button|a snoring beetle|an old spoon|one wet sock) // Next {h.they}
  looked <spot>, but {x} {x.was} not there either.
h* search <spot> * peer <spot> * poke around <spot> // There was nothing but
  (dust|mud|cobwebs|pebbles).
h* crawl <spot> * bump {h.their} head // Then {h.they} tried <spot> and even <spot>, all in vain.
h* go back <way> * search <spot> // {h.they} found no {x.n}, only {h.their} own footprints.
= lost.give
h* sit down * begin to weep
h/sad: I will never see {x} again.
h* be ready to give up
{h} was so upset that {h.they} could not eat {h.their} supper.
= lost.help
k* hear {h.o} sniffle * come over // k/ask: When did you last have {x}? // h: I had {x.them} when
  I went <to>.
Just then {k} came wandering <way>. // k/kind: Do not run in circles. Think back, step by step. //
  h* close {h.their} eyes * remember the way <to>
k/ask: Why the long face? // h* tell {k.o} everything // k/kind: Let us walk the same way again
  and look slowly.
h* ask {k.o} for help // k: Two pairs of eyes see more than one. Where did you go yesterday? // h:
  I went <to>.
= lost.found
hk* follow the trail <way> * look around with care // And there, <spot>, {x.was} {x}! // h/happy:
  You found {x.them}! Thank you, {k.n}!
hk* go there together * look <spot> // k* spot something <spot> // There {x.was} {x}, a bit dusty
  but safe. // h* hug {x} * hug {k.o} even harder
hk* walk <way> // All at once {k} pointed. There, <spot>, {x.was} {x}. // h/cry: Yes, yes, yes!
In the end, {k} noticed tracks <way>. They led to {x}, which lay <spot>. // {h} laughed out loud
  with relief.
= lost.moral
a calm search finds more than a hasty one
things that have a place are seldom lost
it helps to stop and think back
two pairs of eyes are better than one
what you love, you should look after
= mistake
<mistake.warn> // <mistake.break> ## <mistake.hide> // <mistake.guilt> ## <mistake.tell> //
  <mistake.mend>
<mistake.warn> ## <mistake.break> // <mistake.hide> ## <mistake.guilt> // <mistake.tell> //
  <mistake.mend>
= mistake.warn
{g} had a <treasure.item> that was very dear to {g.them}. // g: Please be careful near the
  <treasure.item>.
In the house stood a <treasure.item>, and {g} loved it more than anything else there.
{h} was not allowed to play near the <treasure.item>, for it belonged to {g}.
= mistake.break
<day>, {h} was <treasure.doing> when something went wrong. With an awful noise, the
  <treasure.item> belonging to {g} <treasure.crack>. // h/soft: <alas>, what have I done?
<day>, while {g} was out, {h} could not keep still. {h.they} was <treasure.doing>, and before
  {h.they} knew it, the <treasure.item> <treasure.crack>.
It happened <day>. {h} was <treasure.doing>. Crash! The <treasure.item> <treasure.crack>, and {g}
  was sure to be upset.
{h} only looked away for a second. {h.they} was <treasure.doing>, and the <treasure.item> that {g}
  loved <treasure.crack>.
= mistake.hide
h* push everything under the rug * pretend to read a book // g/ask: What was that noise? //
  h/soft: It was (the wind|only a mouse|thunder, I think).
h* run <way> * crouch down <nook> // Nobody followed, but {h.p} heart was pounding.
When {g} came in, {h} put on an innocent face. // g/ask: Have you seen my <treasure.item>? //
  h/soft: No, I have not.
h* cover it with a cloth * tiptoe away // h/soft: Perhaps nobody will ever notice.
= mistake.guilt
All afternoon there was a knot in {h.p} stomach. Even <treat> did not taste of anything.
{h} tried to play, but {h.they} kept thinking of {g.n}. The secret felt as heavy as a sack of
  stones.
h* lie awake * stare at the ceiling ^^that night^ // The lie would not let {h.them} sleep.
{h} did not feel better at all. {h.they} felt worse and worse, until {h.their} ears burned.
= mistake.tell
h* go to {g.o} * tell the whole truth ^at last^ // h/sad: It was me. I broke the <treasure.item>,
  and I am so sorry.
h/sad: I told you a fib. I was <treasure.doing>, and the <treasure.item> broke. // g* be silent
  for a while // Then {g.they} opened {g.their} arms.
^^in the end^ h* take {g.o} by the sleeve * lead {g.them} to the spot // h/soft: Please do not be
  angry. I did it, and then I hid it.
h* swallow {h.their} fear * knock on the door // h/sad: I have to confess something. Your
  <treasure.item> is broken, and it is my fault.
= mistake.mend
g/kind: Thank you for being honest. Things can be mended. // Together they <treasure.mend>. From
  then on, the <treasure.item> <treasure.after>.
g/kind: I am sad about the <treasure.item>, but I am proud of you. // hg* fetch the tools * set to
  work // They <treasure.mend>, and in the end the <treasure.item> <treasure.after>.
{g} was not angry for long. {hg} <treasure.mend>, and soon the <treasure.item> <treasure.after>.
g/kind: I broke one myself when I was little. Come, we will fix it. // So they <treasure.mend>.
  The <treasure.item> <treasure.after>, and {h} could breathe again.
= mistake.moral
the truth is lighter to carry than a lie
everyone makes mistakes, but it takes courage to own up to them
a mistake grows when you hide it and shrinks when you tell it
honest words can mend almost anything
saying sorry is the first step to putting things right
= mend
<mend.love> // <mend.break> ## <mend.try> // <mend.fail> ## <mend.ask> // <mend.fix>
<mend.love> ## <mend.break> // <mend.try> // <mend.fail> ## <mend.ask> // <mend.fix>
= mend.love
{h} had {x.a}, and {h.they} loved to <things.use> <things.when>.
Among {h.p} treasures was {x.a}. {h.they} took {x.them} out again and again to <things.use>
  <things.when>.
h* save up for {x.a} * learn to <things.use> <things.when>
= mend.break
<day>, there was a sharp crack, and the <things.part> of {h.p} {x.n} broke. // h/cry: <alas>, now
  it is ruined!
^^<day>^ h* stumble * land on {h.their} {x.n} // The <things.part> snapped right off.
{h} wanted to <things.use>, but <day> the <things.part> came loose and fell with a clatter. //
  h/sad: My poor {x.n}!
<day>, the <things.part> of {h.p} {x.n} split in two. {h} stared at it with round eyes.
= mend.try
h* stick the <things.part> on with (honey|jam|porridge|mud) * wait // It slid off again, and now
  the {x.n} was sticky as well.
h* tie it up with (grass|a noodle|a wet ribbon) * tug at the knot // It held for as long as a
  sneeze.
h/proud: I can fix this all by myself! // {h.they} used (chewing gum|a bandage|candle wax), but
  the <things.part> dropped off with a plop.
h* hammer at it with a (spoon|shoe|potato) * make the crack longer // That was no good at all.
= mend.fail
{h} grew so cross that {h.they} nearly threw the {x.n} away.
h* try once more * give the {x.n} a kick // h/cross: Stupid thing! // Then {h.they} felt ashamed.
h* bury {h.their} face in {h.their} {h.hands}
The harder {h} pulled, the worse it became.
= mend.ask
e/ask: May I see? // h* hold out the broken {x.n} ^without a word^ // e/kind: This can be saved,
  but not in a hurry.
{e} lived close by and could mend anything. // h/soft: Please, could you show me how? // e/kind:
  Gladly, if you do the work and I do the talking.
h* carry the {x.n} <way> * knock at the door of {e.o} // e/kind: You came to the right place.
Now {e} happened to pass <way>. // e/ask: Is that a <things.part> without a {x.n}, or a {x.n}
  without a <things.part>? // {h} had to smile in spite of it all.
= mend.fix
First they cleaned the <things.part>, then they measured, and only then did they join the pieces.
  // e: Now we wait. // h* wait until morning * test it with care // It was stronger than before!
e* show {h.o} how to smooth the edges // h* work slowly * count to a hundred while the glue dried
  // At last {h.they} could <things.use> again.
{h} sanded and fitted, a little at a time, while {e} held the lamp. By evening the <things.part>
  sat firmly in its place. // h/happy: Look, it works!
e* bring out thread, pegs, and glue // {h.p} {h.hands} shook at first, but {h.they} did not rush.
  When the work was done, nobody could see the crack.
= mend.moral
patience mends what hurry breaks
there is no shame in asking for help
good work takes its time
a broken thing is not a useless thing
those who know how are often glad to show how
= fear
<fear.start> ## <fear.happen> // <fear.doubt> ## <fear.act> // <fear.done>
<fear.start> // <fear.talk> ## <fear.happen> // <fear.act> // <fear.done>
= fear.start
There was one thing that frightened {h.o}, and that was <dread.what>. {h.they} <dread.sign>.
{h} was afraid of <dread.what>. It was so bad that {h.they} <dread.sign>.
Nobody knew it, but <dread.what> made {h.p} knees tremble. {h.they} <dread.sign>.
{h} could do many things, but {h.they} could not bear <dread.what>. {h.they} <dread.sign>.
= fear.talk
k/ask: What is it that scares you so? // h/soft: I do not know. My tummy just goes cold.
k/kind: Everyone is afraid of something. I used to be afraid of (geese|soup|mirrors|my own
  sneeze).
h/sad: I wish I were brave. // k/kind: Brave does not mean that you are not scared.
= fear.happen
<day>, {k} came running. It was serious, because <dread.need>. // k/cry: There is no one else
  near, {h.n}!
Then, <day>, something had to be done, for <dread.need>.
<day>, <dread.need>. {h} looked left and right, but nobody else was there except {k}.
It was <day.quiet> when <dread.need>. // k/ask: Can you do it, {h.n}?
= day.quiet
a still evening
late in the afternoon
nearly suppertime
the middle of the night
= fear.doubt
h/soft: I cannot. My legs will not move. // k/kind: Then borrow some courage from me. We will take
  it bit by bit.
{h.p} mouth went dry. // k: You do not have to feel brave. You only have to begin.
h* shake from head to toe // k* squeeze {h.p} {h.hand} * give {h.them} a nod
h/soft: What if something terrible happens? // k/kind: What if something wonderful happens?
= fear.act
h* take one deep breath // Then {h.they} <dread.step>. {h.p} heart drummed, yet it was not so bad
  as before.
So {h} <dread.step>. The fear was still there, but it grew smaller and smaller.
h* think of those who needed {h.them} * =stood up straight // {h.they} <dread.step>, and it
  helped.
One minute passed, and then another. {h} <dread.step>, just as {k} had once advised.
= fear.done
Before long, {h} <dread.proof>. // h/happy: I did it! I was scared, and I did it anyway!
And what do you think? {h} <dread.proof>. // k/happy: I knew you could do it!
In the end, {h} <dread.proof>. {k} clapped until {k.their} {k.hands} were sore.
With a last push, {h} <dread.proof>. // h* turn around * laugh in amazement
= fear.moral
being brave means being scared and going on
a fear grows smaller when you walk toward it
courage comes one little step at a time
most of the scary things live in our heads
you are braver than you think
= share
<share.start> // <share.pull> ## <share.bad> // <share.apart> ## <share.idea> // <share.good>
<share.start> // <share.pull> // <share.bad> ## <share.apart> // <share.idea> // <share.good>
= share.start
<day>, {hf} found {x.a} <nook>. // h: I want to <things.use>! // f: So do I!
^^<day>^ g* bring home {x.a} for {hf.o} // There {x.was} only one {x.n}, and both of them wanted
  to <things.use>.
<day>, {f} came to visit and brought {x.a}. // h/ask: May I try? // f/cross: Not now. It is my
  turn, and it will be my turn all day.
{h} had {x.a} and would not let go of {x.them}. // f/ask: Could I have a turn? // h/cross: No! You
  will only spoil {x.them}.
= share.pull
h* grab one end // f* grab the other // They tugged and they shouted until the
  (birds|mice|neighbors) fled.
h/cry: Mine! // f/cry: No, mine! // hf* pull with all their might
{hf} pushed and shoved until both of them rolled in the dirt. // Neither of them would give in.
f/cross: You always get everything! // h/cross: That is not true! // They pulled so hard that
  their faces turned red.
= share.bad
Then their {h.hands} slipped, and {hf} both tumbled over backward.
Suddenly {x} flew through the air and splashed into a puddle.
Plop! {x} landed <spot>, and {hf} landed in the (mud|thistles|nettles).
{x} slipped out of their {h.hands} and rolled into a ditch.
= share.apart
h* stomp off <way> // f* march away <way> // It was very quiet, and playing alone was no fun.
hf* sit back to back * =did not speak for an hour // {h} looked over {h.their} shoulder. {f}
  looked quite sad.
{h} had {x} all to {h.self} now, but {h.they} did not feel like playing. {f.p} laugh was missing.
f* walk home * weep into {f.their} sleeve // {h} kicked at a stone and felt a lump in {h.their}
  throat.
= share.idea
h/soft: I am sorry, {f.n}. You are worth more to me than {x}. // f/soft: I am sorry too.
h* pick up {x} * clean {x.them} * bring {x.them} to {f.o} // h/soft: You go first. I can wait.
f/ask: What if we take turns? // h/happy: You until (the bell rings|the clock strikes|sundown),
  and then me!
g* hear about it * give them a sand timer // g/wise: When the sand runs out, you swap.
= share.good
From then on, they took turns. While {f} had {x}, {h} cheered, and while {h} had {x}, {f} sang.
hf* invent a game that needed both of them // It was twice as much fun as before.
Soon they found out that {x} {x.was} twice as much fun with two.
{hf} played until dusk, and when they said good night, {h} let {f.o} take {x} home.
= share.moral
a friend is worth more than a toy
sharing makes a small thing big
joy is doubled when two have a part in it
those who pull too hard may lose everything
taking turns is better than taking sides
= wish
<wish.start> ## <wish.grant> // <wish.joy> ## <wish.trouble> // <wish.back>
<wish.start> // <wish.grant> ## <wish.joy> // <wish.trouble> ## <wish.back>
= wish.start
More than anything, {h} wished <boon.want>.
{h} wished <boon.want>. {h.they} wished it on clovers, on candles, and on the first star.
{h} wished <boon.want>, and {h.they} said so at breakfast, at lunch, and at supper.
Every night {h} lay in bed and wished <boon.want>.
= wish.grant
^^<day>^ h* meet {s.o} <nook> * free {s.them} from a (thorn bush|net|hollow tree) // s/kind: You
  have been good to me. Make a wish. // {h} did not need to think twice.
<day>, there was a flash of light, and out came {s}. // s: I grant one wish a year, and this year
  it is yours. // h/cry: I know what I want!
^^<day>^ h* find {s.o} <nook> * share {h.their} (sandwich|blanket|last cookie) with {s.them} //
  s/wise: Kindness for kindness. Wish, but wish with care!
Who should appear <day> but {s}? // s/ask: Is it true that you have a wish? // h* nod so hard that
  {h.their} hat fell off
= wish.joy
Whoosh! It came true. At first it was marvelous, for {h} <boon.good>.
A tingle ran from {h.p} nose to {h.p} toes, and it was done. {h} <boon.good>. // h/happy: This is
  the best day of my life!
And so it was. All that day, {h} <boon.good>.
Before {h} could blink, the magic began. {h.they} <boon.good> and felt like a
  (king|hero|champion).
= wish.trouble
But soon {h} <boon.bad>. What was more, <boon.worse>.
By the next day it was not so fine. {h} <boon.bad>, and <boon.worse>. // h/sad: I did not think of
  that.
Then the trouble started. First {h} <boon.bad>. After that, <boon.worse>.
Little by little, the joy wore off. {h} <boon.bad>, and to make matters worse, <boon.worse>.
= wish.back
h* run <way> * call for {s.o} // h/sad: Please, take it back! // s/wise: I was waiting for you to
  ask. // In a twinkling, everything was as before.
h/sad: I want to be just me again. // s* hear {h.o} from far away * snap the spell in two // h*
  hug the doorpost, the chairs, and {g.o}
s/ask: Well, have you had enough? // h/cry: More than enough! // There was a puff of smoke, and
  the wish was undone.
{h} cried one big tear. It fell at the feet of {s.o}, who smiled and undid the spell. // h/happy:
  How good it is to be home!
= wish.moral
<boon.lesson>
<boon.lesson>
what you have may be better than what you wish for
it is wise to think before you wish
= stranger
<stranger.meet> // <stranger.need> ## <stranger.give> ## <stranger.trouble> // <stranger.return>
<stranger.meet> // <stranger.need> // <stranger.give> ## <stranger.trouble> // <stranger.return>
= stranger.meet
^^<day>^ h* walk <way> * meet {s.o}
<day>, {s} sat <nook>, and everybody hurried past without a glance. Only {h} stopped.
There was a knock at the door <day>. On the step stood {s}.
<day>, while {h} was on the way <to>, {s} came limping <way>.
= stranger.need
s/sad: <plea.line>. // But <plea.doubt>.
s/sad: <plea.line>. Would you help me? // It was not easy, for <plea.doubt>.
s/soft: Please, little one. <plea.line>. // {h} hesitated, because <plea.doubt>.
s/ask: Will nobody help me? <plea.line>. // The others looked away, and <plea.doubt>.
= stranger.give
h* think it over * smile // h/kind: Of course I will help. // {h} <plea.deed>. // s/kind: I will
  remember you, {h.n}.
Even so, {h} <plea.deed>. {h.they} asked for nothing. // s* bow low * go on {s.their} way
Still, {h} <plea.deed>. // s/ask: Why are you so good to me? // h: Because you would do it for me.
h/kind: Do not worry. // {h} <plea.deed>, and then the two of them talked until the shadows were
  long.
= stranger.trouble
Weeks later, {h} went out alone and fell into a deep (ditch|hole|pit). // h/cry: Help! Is anybody
  there?
Not long after, {h} got lost in a thick fog. {h.they} could not see {h.their} own {h.hands}.
When the (autumn|spring) came, a flood swept away the path, and {h} was trapped on a tiny hill.
One day, {h.p} cart got stuck in the mud with the whole harvest on it, and rain was coming.
= stranger.return
Who came <way>? It was {s}! // s/happy: Once you helped me. Now it is my turn. // Before long, {h}
  was safe.
A familiar voice called out. // s/cry: Hold on, {h.n}! // s* stretch out a stick * pull {h.them}
  to safety
h* be about to lose hope // Then {s} appeared with a lantern and a rope. // h/ask: How did you
  find me? // s/wise: I never forget a friend.
{s} had heard the shouting from far off. {s.they} brought six cousins, and together they got {h.o}
  out of trouble.
= stranger.moral
a kind deed always finds its way back
no one is too poor to give a little
kindness costs nothing and is worth a lot
a stranger is a friend you have not met
those who help without asking for pay are paid in friends
= contest
<contest.news> // <contest.boast> ## <contest.train> ## <contest.mishap> // <contest.choice> //
  <contest.end>
<contest.news> // <contest.train> ## <contest.boast> ## <contest.mishap> // <contest.choice> //
  <contest.end>
= contest.news
There was great excitement <here>, because <event.event> was coming. {h} wrote {h.their} name on
  the list.
<day>, a poster announced <event.event>. // h/happy: I am going to enter!
Every year everyone waited for <event.event>. This time {h} was old enough to join.
g/ask: Have you heard about <event.event>? // h* hop up and down * beg to take part
= contest.boast
r/proud: <event.boast>. You may as well stay home. // {h} said nothing, but {h.p} ears grew hot.
{r} had won two years in a row. // r/proud: <event.boast>! Nobody can beat me.
On the way <to>, {r} laughed at {h.o}. // r/proud: <event.boast>. What can you do?
r/proud: <event.boast>. // h: We shall see. I will do my best.
= contest.train
h* get up early * =worked hard // {h.they} <event.practice>, and {f} cheered {h.them} on.
All week long, {h} <event.practice>. Some days it went well, and some days it did not.
{h} <event.practice>. // g/ask: Are you not tired? // h: A little, but I am getting better.
With {f} to help, {h} got ready. {h.they} <event.practice>.
= contest.mishap
At last the day came, and the crowd held its breath. All went well until {r} <event.mishap>.
The trumpet blew! {h} and the others began, and {r} was ahead. But then {r} <event.mishap>.
On the big day, <sight>, and flags flew everywhere. Halfway through, {r} <event.mishap>.
Everyone <here> had come to see it. {h} was doing well, and then, right before {h.them}, {r}
  <event.mishap>.
= contest.choice
{h} could see <event.goal>, but {h.they} could also see the tears on {r.p} face. // h* turn around
  * go back to {r.o} // h/kind: Here, let me help you.
h/ask: Are you all right? // r/sad: Go on, or you will lose. // h: Winning can wait.
Some of the others giggled. {h} did not. {h.they} left {h.their} place, though <event.goal> was so
  close, and held out {h.their} {h.hand}.
h* forget all about <event.goal> * hurry over // h/kind: Come on, {r.n}. We can do it together.
= contest.end
Somebody else <event.win>, and {h} came in last, yet the crowd cheered for {h.o} the loudest. //
  r/soft: You are a better sport than I am.
Somebody else got the prize that day. But {r} gave {h.o} {r.their} own ribbon. // r/soft: This
  belongs to you.
A quiet child from the back row <event.win>. {hr} did not mind. They clapped until it hurt, and
  {r} never bragged again.
The judge gave {h.o} a special medal made of (tin|chocolate|wood). // r/happy: Next year we will
  practice together!
= contest.moral
a kind heart is the finest prize
how you play matters more than who wins
boasting makes no one faster, but helping makes everyone stronger
a friend is better than a trophy
there are things more important than winning
= storm
<storm.calm> // <storm.come> ## <storm.danger> // <storm.try> ## <storm.work> // <storm.after>
<storm.calm> ## <storm.come> // <storm.danger> // <storm.try> ## <storm.work> // <storm.after>
= storm.calm
<day>, {hf} were playing <nook>, and <sight>.
{h} and {f} had planned a picnic for <day.plan>. The basket was full of <treat>.
^^<day>^ hf* wander <way> * look for (berries|mushrooms|shells|snails)
= day.plan
the whole afternoon
that same day
{h.p} name day
the last day of the holidays
= storm.come
All at once the sky turned as dark as (ink|slate|plum jam), and the wind began to howl. // f/cry:
  A storm is coming!
Black clouds rolled in. First came a drop, then ten, and then more than anyone could count. // hf*
  run for shelter
The wind grew stronger and stronger until {h.p} hat flew off. // h/cry: Quick, {f.n}, let us get
  home!
Lightning split the clouds, and rain came down like (arrows|spilled peas|a waterfall).
= storm.danger
Then {h} noticed <danger.what> out in the open. // h/cry: Look! <danger.cry>!
f* point into the rain // f/cry: <danger.cry>!
Through the roar they heard a strange sound. It came from <danger.what>. // h/cry: <danger.cry>!
  We must help!
hf* be nearly home // But there, in the worst of the wind, they saw <danger.what>. // f/ask: What
  shall we do?
= storm.try
{h} tried it alone, but the wind knocked {h.them} flat. // f/cry: Wait for me! One is too weak,
  but we are two.
At first nothing worked. Their {h.hands} were numb, and the rain got into their eyes.
h* call for help // No one could hear {h.them} over the thunder, so it was up to {hf.them}.
f/soft: I am scared. // h/kind: So am I. Hold on to me, and I will hold on to you.
= storm.work
f* find a safe foothold // {f.they} <danger.first> while {h} gave directions. Together they
  <danger.rescue>.
h/cry: One, two, three! // {f} <danger.first>. Then, with their last strength, they
  <danger.rescue>.
{h} <danger.first>. // f/cry: Keep going! // Bit by bit, {hf} <danger.rescue>.
They did not argue, and they did not stop. {f} <danger.first>, and after that they
  <danger.rescue>.
= storm.after
By morning, the storm was over. A rainbow stood over the hills, and <danger.after>.
At last the thunder rolled away. // hf* be soaked to the skin * =could not stop grinning // The
  next day, <danger.after>.
When the sun came out, everything dripped and glittered. Soon <danger.after>. // f/happy: We make
  a good team!
g* wrap them both in towels * bring <treat> // And later, when all was dry, <danger.after>.
= storm.moral
together we can stand in any wind
when two pull together, even a storm must give way
no storm lasts forever
teamwork makes the small ones strong
true friends hold on to each other
= secret
<secret.odd> // <secret.hurt> ## <secret.follow> // <secret.see> ## <secret.truth> //
  <secret.sorry>
<secret.odd> ## <secret.hurt> // <secret.follow> ## <secret.see> // <secret.truth> //
  <secret.sorry>
= secret.odd
<day>, {f} began to act in a strange way. When {h} came near, {f.they} hid something behind
  {f.their} back.
h/ask: Do you want to play, {f.n}? // f: Not today. I have, um, things to do. // It was the third
  time that week.
^^<day>^ h* hear whispers <nook> // When {h.they} came closer, {f} stopped talking at once.
<day>, {h} saw {f} slip away <way> with a big covered basket. // h/ask: Where are you going? //
  f/soft: Nowhere.
= secret.hurt
h/sad: {f.n} does not like me anymore. // {h.they} felt cold inside, as if {h.they} had swallowed
  an icicle.
h* walk home * kick every stone on the road // h/cross: Then I do not need a friend!
{h} tried <hobby> alone, but it was no use. All {h.they} could think of was {f.n}.
g/ask: What is wrong, my dear? // h/sad: My friend has a secret, and I am not in it. // g/wise:
  Not every secret is a bad one.
= secret.follow
^^the next afternoon^ h* creep after {f.o} <way> * crouch down <nook>
h* wait until {f.they} had gone * follow the footprints <way>
In the end, {h} could not stand it any longer. {h.they} tiptoed <way>, quiet as a moth.
h* climb a wall * peek over the top
= secret.see
There was {f}, surrounded by (paper lanterns|ribbons|paint pots), and everyone was laughing. {h}
  felt tears coming.
A light was shining through a crack. Inside, {f} was painting letters on a long sheet.
{h} saw {f} whispering to {g.o}. Both of them pointed at a big box and giggled.
A twig snapped. // f/cry: Who is there? // {h} wanted to sink into the ground.
= secret.truth
Then {h} read the sign. It said: Happy birthday, {h.n}! // f/happy: You were not meant to see it
  until tomorrow!
f/happy: Surprise! We have been making a (tree house|puppet theater|party|cake) for you all week!
f/soft: It was a present for you. I am bad at keeping secrets, so I stayed away. // {h} was
  speechless.
All at once everyone shouted, and there was a cake with {h.p} name on it. // f/happy: I baked it
  myself, and that is why I had no time.
= secret.sorry
h/soft: And I thought you were cross with me. Forgive me, {f.n}. // f* laugh * put a paper hat on
  {h.p} head
h* turn red * hug {f.o} for a long time // h/soft: I should have trusted you.
h/soft: I thought such silly things about you. // f/kind: Next time, just ask me.
{h} laughed and cried at once. Then {h.they} took the biggest slice of cake and gave it to {f.o}.
= secret.moral
a true friend deserves our trust
it is better to ask than to think the worst
not every secret is a sad one
things are not always what they seem
= learn
<learn.want> ## <learn.fail> // <learn.low> ## <learn.tip> // <learn.try> // <learn.show>
<learn.want> // <learn.fail> ## <learn.low> // <learn.tip> ## <learn.try> // <learn.show>
= learn.want
{h} wanted to learn how to <skill.do>. {f} could do it, and it looked so easy.
^^<day>^ h* watch {e.o} <skill.do> // h/cry: I want to do that too!
Everyone in {h.p} family could <skill.do>, except {h.n}.
h/happy: Before the (summer|winter|year) ends, I will <skill.do>! // {f} did not quite believe
  {h.o}.
= learn.fail
On the first day, {h} <skill.fail>. On the second day, it went no better.
h* try it at once * =failed // {h} <skill.fail>, and somebody laughed.
It looked simple, but it was not. {h} <skill.fail>.
{h} set to work. {h.they} <skill.fail>. {h.they} tried again, and the same thing happened.
= learn.low
h/cross: I give up! I will never <skill.do>. // {h.they} sat down <nook> and sulked.
h* throw {h.their} cap on the ground // h/sad: Everybody can do it but me.
h/sad: Maybe I am just too (small|clumsy|young|slow). // {h.p} ears drooped with shame.
{h} went to bed in a bad mood and pulled the blanket over {h.their} head.
= learn.tip
e/wise: Do you know how often I failed? More than a hundred times. // h/ask: Really? // e/kind:
  Really. <skill.tip>.
{e} had been watching. // e/kind: You are trying to do it all at once. <skill.tip>.
h* visit {e.o} * ask for advice // e/wise: There is no trick. Or perhaps one. <skill.tip>.
e* sit down next to {h.o} // e/kind: <skill.tip>. And when it goes wrong, laugh and start over.
= learn.try
So {h} began again. {h.they} <skill.practice>.
From then on, {h} practiced every day. {h.they} <skill.practice>, and nobody laughed anymore.
{h} <skill.practice>. Slowly, very slowly, it began to work.
Morning after morning, while <sight>, {h} <skill.practice>.
= learn.show
And by the end of the month, {h} <skill.show>. // f/cry: How did you do that? // h/proud: Bit by
  bit.
One fine day, {h} <skill.show>. {e} smiled and tipped {e.their} hat.
Then came the moment when it all fit together. {h} <skill.show>! // e/happy: I always knew it.
At the summer fair, {h} <skill.show>. A little one in the front row begged to learn it, and {h}
  said yes.
= learn.moral
practice turns hard things into easy ones
every master was once a beginner
you have not failed until you stop trying
slow steps still carry you forward
a good teacher and a stout heart can do wonders
= visit
<visit.plan> // <visit.pack> ## <visit.road> // <visit.trouble> ## <visit.solve> // <visit.arrive>
<visit.plan> ## <visit.road> // <visit.trouble> // <visit.solve> ## <visit.arrive>
= visit.plan
<day>, a letter came. {g} was (ill|lonely|snowed under with work) and hoped for a visit. // h: I
  will go there all by myself!
{g} lived far away <away>, and <day> {h} set out to see {g.them}.
It was time to visit {g.o}, who lived <away>. {h} had marked the day with a red crayon.
h: Today I will go and see {g.n}. I know the way! // f/ask: May I walk with you as far as the
  bridge?
= away
on the far side of the hills
beyond the windmill
at the end of the longest road
past three villages and a forest
= visit.pack
h* pack <treat:gift> * put on {h.their} best boots
In a basket, {h} carried <treat:gift>, a clean napkin, and a card with a big heart on it.
h* wrap <treat:gift> in a cloth * tie the cloth to a stick
As a present {h.they} took <treat:gift>, still warm from the oven.
= visit.road
The road led <way> and then <way>. {h} sang to keep {h.self} company.
h* march <way> * count the milestones * rest <nook>
On the way, <sight>, and {h} stopped to look more than once.
^soon^ h* come to a fork in the road * choose the left path // It went <way> and grew narrower and
  narrower.
= visit.trouble
Then the path ended at a rushing stream, and there was no bridge. // h/sad: How will I ever get
  across?
Suddenly a big goose blocked the way and hissed. // h/soft: Please, I only want to pass.
A gust of wind snatched {h.p} map and blew it away. Every direction looked the same.
{h} tripped, the basket tipped over, and the present for {g.o} rolled down the slope.
= visit.solve
{h} stopped and thought. {h.they} remembered what {g} used to say: Use your head before your feet.
  So {h.they} looked around with care, and in the end {h.they} found a way.
A beetle sat on a leaf, watching. // h/ask: Can you help me? // The beetle waved a leg toward a
  safe little trail, and all was well again.
h/soft: I will not cry. I will try one thing, and then another. // The third thing worked.
h* sit down * eat a crumb * make a new plan // Slowly and carefully, {h} put everything right and
  walked on.
= visit.arrive
There was smoke from the chimney and a face at the window. // g/cry: {h.n}! Did you come all this
  way alone? // h* fall into {g.p} arms
When {h} knocked at last, {g} opened the door and beamed. // g/happy: You are the best gift of
  all.
At sunset {h} saw the little house. {g} was already waiting by the gate. // h/happy: I had an
  adventure! // And {h.they} told {g.them} every bit of it.
g* hurry out * swing {h.o} around // {hg} sat together until late and finished up every last
  crumb.
= visit.moral
the way may be long, but love makes it short
a visit warms the heart more than any stove
those who keep a cool head find a way
the best present you can bring is yourself
= found
<found.find> // <found.want> ## <found.sign> // <found.torn> ## <found.return> // <found.thanks>
<found.find> // <found.want> // <found.sign> ## <found.torn> // <found.return> // <found.thanks>
= found.find
^^<day>^ h* go <to> * see something shine <spot> // It was {x.a}!
<day>, {h} stumbled over {x.a}. There {x.they} lay, <spot>, with nobody near.
^^<day>^ h* look <spot> * find {x.a}
Somebody had left {x.a} <spot>. <day>, {h} picked {x.them} up and turned {x.them} over.
= found.want
h/happy: Finders keepers! I have always wanted to <things.use>. // {h} hid {x.them} under
  {h.their} coat.
Oh, how beautiful {x.they} {x.was}! {h} could already see {h.self} with {x.them}, ready to
  <things.use>.
h/soft: Nobody saw me. // {h} took {x} home and put {x.them} under {h.their} pillow.
That afternoon, {h} did nothing but <things.use>. {h.they} had never had anything so fine.
= found.sign
Then {h} heard someone crying <nook>. It was {s}. // s/sad: I have lost my {x.n}, the only thing I
  have from my mother.
The next morning there was a note on a post. {s} was looking for {x.a} and was very sad.
f/ask: Have you heard? Someone has lost {x.a}. // It was {s}, and {s.they} was in tears. {h} felt
  {h.their} cheeks grow warm.
On the way <to>, {h} passed {s.o}, who was searching <spot>. // s/ask: Have you seen {x.a}? // h*
  shake {h.their} head * hurry on
= found.torn
{h} turned hot and cold. One half of {h.o} wanted to keep {x}, and the other half could not forget
  that sad face.
h* take {x} out * look at {x.them} for a long time // {x.they} {x.was} not so lovely anymore. //
  h/soft: I would be sad too.
h/ask: {g.n}, if you find a thing, is it yours? // g/wise: What would you hope for if it were lost
  and you had lost it?
All night long, {h} tossed and turned. Under the pillow, {x} felt as hard as a rock.
= found.return
h* run <way> * hold out {x} // h/soft: I found {x.them}. I wanted to keep {x.them}, but that would
  not be right.
^^before breakfast^ h* go to {s.o} * give {x} back // h/soft: I think that {x.this} {x.is} yours.
h/soft: I said something that was not true. Here {x.is} your {x.n}.
{h} put {x} into {s.p} lap and waited for a scolding.
= found.thanks
{s.p} whole face lit up. // s/happy: You have given me back more than you know. Come any time you
  like, and you may <things.use>!
{s} laughed and cried at once. // s/kind: It takes a big heart to give a treasure back. // And
  {s.they} became {h.p} friend.
s/happy: Thank you, {h.n}! // {s.they} taught {h.o} how to <things.use> better than anyone else
  could.
s* hug {h.o} * =would not let go // The heavy feeling in {h.p} chest was gone, and {h.they}
  skipped home.
= found.moral
an honest heart sleeps well
a thing that is not yours can never make you glad
giving back feels better than keeping
honesty is a treasure too
it helps to ask how the other one feels
= rescue
<rescue.hear> // <rescue.see> ## <rescue.try> // <rescue.talk> ## <rescue.clever> // <rescue.free>
<rescue.hear> // <rescue.see> // <rescue.try> ## <rescue.talk> // <rescue.clever> ## <rescue.free>
= rescue.hear
^^<day>^ hf* stroll <way> * hear a faint cry
<day>, {h} and {f} were on their way <to> when they heard a whimper.
f/ask: Did you hear that? // hf* stop * listen // There it was again, thin and scared.
<day>, {h} was <hobby> when {f} came racing <way>. // f/cry: Come quick! Somebody is in trouble!
= rescue.see
They found <stuck.who> <stuck.place>. The poor thing <stuck.bad>.
There, <stuck.place>, was <stuck.who>. It <stuck.bad>.
h/cry: Oh, it is <stuck.who>! // It was trapped <stuck.place>, and it <stuck.bad>.
Not far off was <stuck.who>, stuck <stuck.place>. // f/sad: Poor little one! // It <stuck.bad>.
= rescue.try
h* stretch out {h.their} arm as far as {h.they} could // It was not far enough.
f* pull * push // It only made things worse.
h/kind: Do not be afraid. // {h.they} reached and reached, but {h.their} {h.hands} touched nothing
  but air.
h* want to rush straight in // f/cry: Wait! You might (hurt|scare) it!
= rescue.talk
f/ask: Should we run and get {g.n}? // h: There is no time. Let me think.
hf* put their heads together * whisper // Minutes went by.
f/sad: We are too small. // h/say: But we are not too stupid. What do we have?
h* walk around it three times * scratch {h.their} chin // Then {h.their} eyes began to shine.
= rescue.clever
h/cry: I have an idea! // All they needed was <stuck.tool>. {hf} <stuck.clever>.
f* fetch <stuck.tool> // Very gently, they <stuck.clever>.
With <stuck.tool>, it could be done. {h} told {f} the plan, and they <stuck.clever>.
f/ask: Would <stuck.tool> be any good? // h/happy: {f.n}, you are a genius! // So they
  <stuck.clever>.
= rescue.free
It took a while, but it worked. The little creature was free! It looked back once, as if to say
  thanks.
h/happy: There you go. // It shook itself, took a few steps, and nuzzled {h.p} {h.hand}. {f}
  laughed.
A moment later, it was out. It was so happy that it ran three circles around {hf.o}.
And then it was safe. // f/happy: You did it! // h: No, we did it.
= rescue.moral
a clever plan can do more than strong arms
no one is too small to help
it is better to think first and pull later
two heads are better than one
those in need must not be passed by
= grow
<grow.plant> // <grow.wait> ## <grow.dig> // <grow.care> ## <grow.up> // <grow.share>
<grow.plant> ## <grow.wait> // <grow.dig> ## <grow.care> // <grow.up> // <grow.share>
= grow.plant
^^<day>^ g* give {h.o} <crop.seed> // g: It does not look like much, but just you wait. // h* dig
  a hole * tuck it in
<day>, {h} found <crop.seed> in {h.their} pocket. // h/ask: What happens if I plant it? // g: Try
  it and see.
^^<day>^ hg* go into the garden * plant <crop.seed>
h/happy: I am a gardener now! // {h.they} had planted <crop.seed> all by {h.self}, in the best
  corner of the garden.
= grow.wait
h* run outside before breakfast * look // There was <crop.slow>. // h/cross: Why is it taking so
  long?
A week went by, and all that {h} could see was <crop.slow>.
h/ask: Is it ready now? // g: Not yet. // h/ask: And now? // g/happy: Not yet!
{h} stared at the ground until {h.their} eyes watered. There was <crop.slow>, and that was all.
= grow.dig
h* grow tired of waiting * scrape away the earth // g/cry: If you keep waking it, how can it grow?
h* shout at it * sing to it * tell it to hurry // Of course that did not help.
f/ask: Why not give up and buy one? // {h} thought about it, but then {h.they} shook {h.their}
  head.
h* pull at it to make it longer // It nearly came out, and {h} was frightened.
= grow.care
g/wise: You cannot rush it. You can only look after it. // So {h} <crop.care>.
From then on, {h} was patient. {h.they} <crop.care>, in sunshine and in rain.
h/soft: I am sorry. Take your time. // Every day {h.they} <crop.care>.
Instead of fretting, {h} made {h.self} useful. {h.they} <crop.care> and kept a diary with little
  drawings.
= grow.up
The weeks came and went. And then, overnight, there it was, <crop.harvest>.
By the end of the summer, {h} could hardly believe {h.their} eyes, for {h.they} had
  <crop.harvest>. // h/cry: Come and look!
One morning {h} rubbed {h.their} eyes. Before {h.o}, in the early light, stood the reward,
  <crop.harvest>.
g/cry: Wake up, {h.n}, and look outside! // And what did {h} see? It was <crop.harvest>!
= grow.share
{hg} made <crop.food> and invited everybody <here>. {f} ate two helpings.
There was so much <crop.food> that {h} brought some to {f.o}, to {e.o}, and to all the neighbors.
h* keep one seed for next year // The rest became <crop.food>, and {h} served it with pride.
That week they ate <crop.food> every day. // g/ask: Was it worth the wait? // h/happy: It was
  worth every single day!
= grow.moral
good things need time
a little care each day makes great things grow
you cannot hurry a seed or a friendship
patience tastes sweet in the end
= newcomer
<newcomer.come> // <newcomer.odd> ## <newcomer.alone> // <newcomer.ask> ## <newcomer.talent> //
  <newcomer.friends>
<newcomer.come> // <newcomer.odd> // <newcomer.alone> ## <newcomer.ask> ## <newcomer.talent> //
  <newcomer.friends>
= newcomer.come
<day>, {s} moved in next door. {s.they} knew nobody (at all|in the whole place|there).
<day>, somebody new arrived <here>. It was {s}.
There were boxes on the road <day>. // g: We have a new neighbor. // {h} looked out and saw {s.o}.
<day>, {s} came to school for the first time.
= newcomer.odd
{s} <new.odd>. // f/cross: <new.doubt>. // The others nodded.
The newcomer <new.odd>. // r/cross: <new.doubt>! // {h} was not so sure.
Everybody soon noticed that the newcomer <new.odd>. // f/soft: <new.doubt>, if you ask me.
= newcomer.alone
At playtime, {s} sat alone <nook> and looked at the ground.
s* stand at the edge of the game * wait for someone to call // Nobody did.
{h} saw {s} eating lunch all alone, while <sight>.
When teams were picked, {s} was left over. {h} saw {s.their} lip tremble.
= newcomer.ask
{h} remembered how it felt to be new. {h.they} walked up to {s.o}. // h/kind: Hello. Would you
  like to play with us?
h* take a deep breath * sit down beside {s.o} // h/kind: I am {h.n}. I have <treat>. Do you want
  half? // s/soft: Yes, please.
h/ask: What is your favorite game? // s* look up in surprise // s/soft: No one has asked me that
  before.
h/kind: You can be on my team. // f/cross: But {h.n}! // h: Everyone plays, or I do not play.
= newcomer.talent
They soon found out something wonderful. {s} <new.talent>. One day, {s.they} <new.use>.
It turned out that {s} <new.talent>. // f/cry: That is amazing! // Before the week was over, {s}
  <new.use>.
As they talked, {h} learned that {s} <new.talent>. And sure enough, {s.they} <new.use>.
{s} was shy no longer. {s.they} <new.talent>, and on the very next outing {s.they} <new.use>.
= newcomer.friends
f/soft: I was wrong about you. I am sorry. // s/kind: That is all right. Shall we play?
After that, nobody wanted to play without {s.o}.
hs* become the best of friends // Even those who had laughed came to say sorry.
s/happy: You were the first to be kind to me, {h.n}. I will not forget it.
= newcomer.moral
everyone has something special to give
different does not mean bad
a friendly word can open a door
you have to look twice to see who someone is
no one should have to play alone
= greedy
<greedy.have> // <greedy.ask> ## <greedy.eat> // <greedy.pain> ## <greedy.care> // <greedy.share>
<greedy.have> // <greedy.ask> // <greedy.eat> ## <greedy.pain> // <greedy.care> ## <greedy.share>
= greedy.have
^^<day>^ g* set out <food.dish> for {hf.o} * go to fetch water
<day>, {hf} came home hungry, and there was <food.dish> for both of them.
Nothing in the world tasted better to {h.o} than <food.dish>. <day>, there was more than enough.
<day>, everyone had helped to get <food.dish> ready for the party. {h} was told to keep watch.
= greedy.ask
f/ask: Shall we share it fairly? // h/cross: I saw it first!
g: Leave some for {f.n}. // h: Of course I will.
f/ask: May I have a bite? // h* turn away * =pretended not to hear
h/soft: Just a taste. Nobody will notice.
= greedy.eat
But one bite led to another. When {h} stopped, {h.they} had finished <food.many>.
h* close the door * eat <food.many> // There was only <food.left> left.
{h} could not help it. {h.they} gobbled up <food.many> and left nothing but <food.left>.
Munch, munch, munch! {h} swallowed <food.many>. All that remained was <food.left>.
= greedy.pain
Then the trouble began. <food.pain>. // h/sad: Ooh, I do not feel well.
It did not end well. <food.pain>, and {h.they} had to lie down.
A little later, <food.pain>. // h/sad: Never again!
While the others went out to play, <food.pain>.
= greedy.care
f* find {h.o} in bed * =did not scold // f/kind: I brought you some mint tea. // That made {h.o}
  feel even more ashamed.
f/ask: What happened to you? // {h} hid under the blanket. // h/soft: I ate it all. There is none
  for you.
{f} looked at <food.left>, and then {f.they} looked at {h.o}. // f/sad: I was looking forward to
  that. // {h} had no answer.
f* sit with {h.o} the whole evening * tell {h.them} funny stories // {f.they} was still hungry,
  and {h} knew it.
= greedy.share
As soon as {h.they} was well, {h} worked for two days to make it good again. This time, {f} got
  the first and the biggest share.
h* work all day to earn some more * bring a basketful to {f.o} // h/kind: All of it is for you. //
  f/happy: Half for me, and half for you!
h/soft: Please forgive me. Tomorrow I will cook for you. // And so {h.they} did. {hf} ate slowly
  and talked a lot.
The next time, {h} counted every bite and divided all of it into two equal heaps. // f/happy: Now
  it tastes twice as good!
= greedy.moral
enough is as good as a feast
greed gives you a bellyache, but sharing gives you a friend
food tastes better in good company
it is wise to stop while it still tastes good
= disobey
<disobey.warn> // <disobey.lure> ## <disobey.go> // <disobey.trouble> ## <disobey.rescue> //
  <disobey.sorry>
<disobey.warn> ## <disobey.lure> // <disobey.go> // <disobey.trouble> ## <disobey.rescue> //
  <disobey.sorry>
= disobey.warn
g: Play wherever you like, but stay away from <forbidden.place>. You see, <forbidden.why>. // h: I
  promise.
There was one rule that {h} had to follow. {h.they} was not to go near <forbidden.place>, because
  <forbidden.why>.
f: Never go to <forbidden.place>. My cousin says that <forbidden.why>. // {h} only shrugged.
Every child <here> knew about <forbidden.place>. A sign warned that <forbidden.why>.
= disobey.lure
But <day>, {h} saw <forbidden.lure> there. // h/soft: I will be quick. Nobody needs to know.
<day>, {h} was bored. From afar, {h.they} could see <forbidden.lure>, and {h.they} forgot every
  warning.
h/cross: I am not a baby anymore. // The thought of <forbidden.lure> would not leave {h.them}
  alone.
^^<day>^ h* chase a butterfly <way> * notice <forbidden.lure>
= disobey.go
h* glance over {h.their} shoulder * sneak off to <forbidden.place>
So {h} went to <forbidden.place> all alone. At first, nothing happened. // h/proud: What a fuss
  about nothing!
One step, two steps, three steps, and {h} was there. It was oddly quiet in that place.
h* whistle to {h.self} * walk straight to <forbidden.place>
= disobey.trouble
Then, without any warning, <forbidden.trouble>. // h/cry: Help! Somebody, help me!
But all of a sudden, <forbidden.trouble>. {h} was more frightened than ever before.
{h} reached for the prize. At that moment, <forbidden.trouble>. // h/sad: If only I had listened!
It happened very fast. In an instant, <forbidden.trouble>, and {h} began to cry.
= disobey.rescue
By good luck, {k} was near. {k.they} <forbidden.out> and got {h.o} out.
k/cry: Keep still! I am coming! // Then {k} <forbidden.out>, and soon {h} was safe.
Nobody answered for a long time. At last there were steps. It was {k}, who <forbidden.out> and did
  not rest until {h.o} was safe.
{k} had heard the cry and hurried over. {k.they} <forbidden.out>. // k: Easy now. I have got you.
= disobey.sorry
h/sad: I broke my promise. I am sorry. // k/kind: I am just glad that you are in one piece.
k/ask: Do you see now why there is a rule? // h* nod * hold on tight
{h} was scratched and dirty, but nothing worse. // h/soft: I will listen next time. I really will.
k* carry {h.o} home // Nobody scolded, and that made {h.o} even sorrier.
= disobey.moral
rules are there to keep us safe
a promise should be kept, even if no one is looking
a warning is a gift from someone who cares
it is smarter to listen first than to be sorry later
= noise
<noise.hear> // <noise.guess> ## <noise.friend> // <noise.go> ## <noise.truth> // <noise.laugh>
<noise.hear> // <noise.guess> // <noise.friend> ## <noise.go> // <noise.truth> // <noise.laugh>
= noise.hear
One night, {h} woke up with a start. There was a sound outside. It went <sound.sound>.
{f} was staying for the night. The lamp was out, and all was still. Then they heard it. It went
  <sound.sound>.
It was a (foggy|moonless|frosty|windy) night, and {h} could not sleep, for something was going
  <sound.sound>.
For three nights in a row, there had been a noise. It went <sound.sound>, and it always came after
  dark.
= noise.guess
h/soft: That must be <sound.guess>. // {h.they} pulled the covers up to {h.their} chin.
In {h.p} mind there was <sound.guess>. {h.p} hair stood on end.
h* hold {h.their} breath * listen // It sounded just like <sound.guess>.
{h} thought of <sound.guess>, and the longer {h.they} thought, the bigger it got.
= noise.friend
f/soft: I hear it too. // hf* light a candle * hold on to each other
h* tap on the wall * wake {f.o} // f/ask: Shall we hide, or shall we look? // h/soft: Let us look.
  But you go first.
h* tell {f.o} about it // f: Then we must find out. Bring the lamp and a (pan|broom|big spoon).
f/ask: Are you scared? // h/soft: A bit. Are you? // f/soft: A bit. Let us be scared together.
= noise.go
hf* tiptoe to the door * open it a crack // The sound grew louder with every step.
hf* creep through the dark // A board groaned, and both of them jumped. Still it went
  <sound.sound>.
On trembling legs, {hf} went out. Everything had a long shadow, and somewhere <sight>.
hf* count to three * push the door open
= noise.truth
{h} held up the light. And what was it? It was only <sound.truth>. As it turned out,
  <sound.because>.
There was no monster at all. They saw <sound.truth>, for <sound.because>.
f/cry: There it is! // {h} looked, and looked again. It was just <sound.truth>, because
  <sound.because>.
Then the moon came out and showed them <sound.truth>. So that was it! They could see that
  <sound.because>.
= noise.laugh
hf* look at each other * laugh until their sides hurt // h/happy: And I thought it was
  <sound.guess>!
h/happy: Good evening! // hf* go back to bed * sleep until noon
f/happy: What a terrible monster! // They laughed so loudly that {g} came to see what the noise
  was.
h* blow out the candle // f/ask: Are you still scared? // But {h} was already asleep.
= noise.moral
things look less scary once you look at them closely
the dark makes small things big
fear shrinks when you share it with a friend
it is better to go and see than to lie and guess
= gift
<gift.day> // <gift.poor> ## <gift.idea> // <gift.flaw> ## <gift.give> // <gift.love>
<gift.day> // <gift.poor> // <gift.idea> ## <gift.flaw> ## <gift.give> // <gift.love>
= gift.day
It was almost {g.p} birthday, and {h} wanted to give {g.them} something special.
The next day would be {g.p} birthday. // f/ask: What are you going to give? // {h} had no idea.
<day>, {h} saw a red circle on the calendar. // h/cry: Oh, {g.n} has a birthday this week!
Everyone was making gifts, for {g} was going to have a party.
= gift.poor
h* empty {h.their} piggy bank * count the coins // There were (three pennies|two pennies and a
  button), and that was not enough.
h* press {h.their} nose to the shop window // Everything in it cost far too much. // h/sad: I
  cannot buy any of that.
{f} had bought a silk ribbon in a golden box. {h} had nothing but lint in {h.their} pockets.
r/proud: My present cost a fortune. What is yours? // {h} looked at {h.their} shoes.
= gift.idea
Then {h} thought of <present.idea>. {h.they} sat down <nook>, where nobody could see, and
  <present.make>.
h/happy: I can make something! // {h.they} decided on <present.idea>. For two days {h.they}
  <present.make>.
e/wise: The finest gifts are made, not bought. // That gave {h.o} the idea of <present.idea>.
  {h.they} sat down and <present.make>.
All at once {h} knew it. It would be <present.idea>! Without another word, {h.they}
  <present.make>.
= gift.flaw
When it was finished, {h} frowned, because <present.flaw>. // h/sad: It is not good enough.
But oh, <present.flaw>! There was no time to start again.
It did not turn out quite right. To tell the truth, <present.flaw>.
f: It is very nice. // {h} was not so sure, for <present.flaw>.
= gift.give
^^at the party^ h* wait until last * hold out the gift with closed eyes // h/soft: It is only
  small.
Parcel after parcel was opened. Then it was {h.p} turn, and {h.p} knees shook. // g/ask: Did you
  make this all by yourself?
{h} wanted to hide it, but it was too late. // g* unwrap it slowly * =said nothing at all for a
  moment
h* lay the gift in {g.p} lap * look away // h/soft: You do not have to like it.
= gift.love
Then {g} smiled, and there were tears in {g.their} eyes. // g/happy: Of all my presents, I love
  this one best! // And {g.they} <present.love>.
g/kind: I can see how much love is in it. // {g.they} <present.love> and would not hear of any
  fault.
g* give {h.o} a kiss on the nose // g/happy: Nobody else has one like it! // Later {g.they}
  <present.love>.
^^to everyone's surprise^ g* push the costly things aside // g/happy: This is the one for me! //
  And {g.they} <present.love>, while {h} glowed with joy.
= gift.moral
a gift from the heart is never too small
love matters more than money
what you make with love is perfect in its own way
the thought behind a gift is the real present
= heavy
<heavy.job> // <heavy.alone> ## <heavy.friends> // <heavy.scoff> ## <heavy.all> // <heavy.cheer>
<heavy.job> // <heavy.alone> // <heavy.friends> ## <heavy.scoff> // <heavy.all> ## <heavy.cheer>
= heavy.job
<day>, {h} was asked to help move <load.what> <load.why>. Nobody thought that it would take all
  day.
There was work to do <day>. Someone had to move <load.what> <load.why>. // h/proud: Leave it to
  me!
<day>, everybody was talking about <load.what>. It had to be moved <load.why>, and nobody knew
  how.
g/ask: Who will help me move <load.what> <load.why>? // h/cry: I will!
= heavy.alone
h* spit in {h.their} {h.hands} * pull with all {h.their} strength // It <load.stuck>.
{h} pushed until {h.their} face was purple. But the thing <load.stuck>.
h* try it from the front * try it from the back // It <load.stuck>, no matter what {h.they} did.
It <load.stuck>. // h/sad: I am not strong enough.
= heavy.friends
So {h} called {f.o}, and {f.n} called {e.o}. All three of them heaved and groaned, but it was
  still not enough.
f* come running * take hold behind {h.o} // Then {e} came and took hold behind {f.o}. They almost
  had it, but only almost.
{f} offered to help, and so did {g}. // f/cry: Ready, set, go! // It moved by (an inch|a hair|a
  thumb) and then (stopped|got stuck again).
= heavy.scoff
A thin voice asked to help too. It was {s}. // f/happy: You? You are no bigger than a
  (pea|crumb|button)!
Then {s} spoke up. // s: I could help. // The others laughed, but {h} did not.
A small voice came from below. // s/ask: Is there room for one more? // Everyone looked down at
  {s.n}.
Along came {s}. // f/cross: You are too little. // h: Let {s.them} try. Every bit counts.
= heavy.all
Everyone took hold again, and {s} took hold last. // h/cry: One, two, three! // They <load.how>.
  And look, it moved!
h/kind: We need you, {s.n}. // They made room. Then all of them <load.how>, and there was a creak
  and a groan. It was moving!
s* count out loud so that all of them pushed at the same time // They <load.how>. Slowly, it gave
  way!
s* crawl underneath * find the pebble that was blocking it * roll the pebble away // Then they
  <load.how>, and it went easily.
= heavy.cheer
f/soft: I will never laugh at you again. // s/happy: Well, I did push very hard.
h* lift {s.o} up high // h/cry: Three cheers for {s.n}! // Everybody shouted hooray.
When the job was done, they all fell in a heap. {s} sat on the very top.
s/proud: Small, but mighty! // And nobody could deny it.
= heavy.moral
many small hands make light work
even the smallest can tip the balance
nobody is too little to be of use
what one cannot do, many can do together
= prank
<prank.bored> // <prank.first> ## <prank.again> // <prank.warn> ## <prank.real> // <prank.trust>
<prank.bored> // <prank.first> // <prank.again> ## <prank.warn> // <prank.real> ## <prank.trust>
= prank.bored
{h} had the job of watching over the (ducks|beehives|apple carts|boats), and it was dull.
{h} loved jokes, and the others did not always find them funny.
<day>, {h} had nothing to do. // h/soft: How about a little joke?
{h} liked it when everyone looked at {h.them}. And {h.they} had found a way to make it happen.
= prank.first
h/cry: (Fire! Fire!|Wolf! A wolf!|Help! The river is rising!) // Everyone came running with
  (buckets|sticks|ropes), even {e}. But there was nothing. // h/happy: I fooled you all!
^^<day>^ h* run <way> * scream as loudly as {h.they} could // {f} dropped {f.their} lunch, and {e}
  lost a shoe. // h/happy: It was only a joke!
h* ring the alarm bell * crouch down <nook> // From there {h.they} watched the others rush around,
  and {h.they} giggled.
h* lie down <nook> * pretend to be hurt // f* come to help at once // h/happy: Got you!
= prank.again
The next day, {h} did it again, and again they came. Their faces were long when they saw that
  nothing was wrong.
Two days later it was the same. // f/cross: That was not funny the first time.
It worked so well that {h} did it three more times. Each time, fewer of them came.
h* play the same trick on Tuesday * play it once more on Thursday // Nobody laughed but {h.them}.
= prank.warn
e/wise: Words are like coins, {h.n}. If yours are false, no one will take them. // {h} did not
  listen.
e: One day you will need us. // h/happy: Oh, do not be so serious!
f/sad: I do not know when to believe you anymore.
g/ask: Do you think that was kind? // h* shrug * look the other way
= prank.real
Then something bad really happened. <prank.trouble> // h/cry: Help! It is true this time! // But
  nobody (came|stirred|believed it), (for|because) they (took it for|thought it was) (just another
  joke|one more trick).
And then, <day>, it was no joke. <prank.trouble> {h} called and called. // f: That is only {h.n}
  again.
That very evening, <prank.trouble> {h} screamed for help. Doors stayed shut, and no one stirred.
= prank.trouble
{h} fell into a ditch and could not get out.
a branch came down and pinned {h.p} coat to the ground.
the rope broke, and {h} drifted away on a raft.
a stove tipped over, and smoke filled {h.p} house.
the ladder slipped, and {h} was left hanging from a beam.
= prank.trust
In the end, {e} came to look after all. // e: I was not sure, but I would rather be fooled than be
  sorry. // h/sad: I will never trick you again. // And {h.they} kept {h.their} word.
Luckily, {e} had sharp ears and heard that the voice was different. {e.they} came just in time. //
  h/sad: Thank you. I am sorry for every false alarm.
At last {e} came and helped {h.o}. // h/ask: Why did nobody else come? // e/wise: You used up all
  their trust. Now you must earn it back. // And {h} did, one true word after another.
It was {e} who saved {h.them}, hours later. The next morning, {h} went from door to door and said
  sorry.
= prank.moral
those who cry wolf are not believed when it counts
trust is easy to lose and slow to win back
a joke is only good if everyone can laugh
true words are worth more than funny ones
"""
