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

IRREGULAR = {
    "be": ("was", "been"), "beat": ("beat", "beaten"), "become": ("became", "become"),
    "begin": ("began", "begun"), "bend": ("bent", "bent"), "bite": ("bit", "bitten"),
    "blow": ("blew", "blown"), "break": ("broke", "broken"), "bring": ("brought", "brought"),
    "build": ("built", "built"), "burst": ("burst", "burst"), "buy": ("bought", "bought"),
    "catch": ("caught", "caught"), "choose": ("chose", "chosen"), "come": ("came", "come"),
    "creep": ("crept", "crept"), "cut": ("cut", "cut"), "dig": ("dug", "dug"),
    "do": ("did", "done"), "draw": ("drew", "drawn"), "drink": ("drank", "drunk"),
    "eat": ("ate", "eaten"), "fall": ("fell", "fallen"), "feel": ("felt", "felt"),
    "find": ("found", "found"), "fly": ("flew", "flown"), "forget": ("forgot", "forgotten"),
    "get": ("got", "gotten"), "give": ("gave", "given"), "go": ("went", "gone"),
    "grow": ("grew", "grown"), "hang": ("hung", "hung"), "have": ("had", "had"),
    "hear": ("heard", "heard"), "hide": ("hid", "hidden"), "hold": ("held", "held"),
    "keep": ("kept", "kept"), "kneel": ("knelt", "knelt"), "know": ("knew", "known"),
    "lead": ("led", "led"), "leave": ("left", "left"), "let": ("let", "let"),
    "lie": ("lay", "lain"), "lose": ("lost", "lost"), "make": ("made", "made"),
    "meet": ("met", "met"), "put": ("put", "put"), "read": ("read", "read"),
    "ride": ("rode", "ridden"), "ring": ("rang", "rung"), "run": ("ran", "run"),
    "say": ("said", "said"), "see": ("saw", "seen"), "set": ("set", "set"),
    "sew": ("sewed", "sewn"), "shake": ("shook", "shaken"), "shut": ("shut", "shut"),
    "sing": ("sang", "sung"), "sit": ("sat", "sat"), "sleep": ("slept", "slept"),
    "slide": ("slid", "slid"), "speak": ("spoke", "spoken"), "spend": ("spent", "spent"),
    "spread": ("spread", "spread"), "stand": ("stood", "stood"), "steal": ("stole", "stolen"),
    "stick": ("stuck", "stuck"), "sweep": ("swept", "swept"), "swim": ("swam", "swum"),
    "swing": ("swung", "swung"), "take": ("took", "taken"), "teach": ("taught", "taught"),
    "tear": ("tore", "torn"), "tell": ("told", "told"), "think": ("thought", "thought"),
    "throw": ("threw", "thrown"), "wake": ("woke", "woken"), "wear": ("wore", "worn"),
    "weep": ("wept", "wept"), "win": ("won", "won"), "wind": ("wound", "wound"),
    "write": ("wrote", "written"),
}  # fmt: skip
DOUBLING = {"admit", "begin", "forget"}  # longer verbs whose last consonant doubles

NAMES = {
    "she": """Ada Bella Clover Daisy Edith Fern Greta Hazel Ivy Juniper Kitty Lotta Maple Nell Olive
        Poppy Rosa Saffron Tilly Una Vera Willa Yara Zelda Amber Bonnie Coral Dot Etta Flora Goldie
        Hattie Iris Jessa Kiki Luna Mabel Nora Opal Penny Ruby Sunny Tansy Violet Wren Zara Marigold
        Pippa Tess Minna""".split(),
    "he": """Alfie Barnaby Caspar Duncan Elmer Felix Gus Hugo Igor Jasper Kip Leo Milo Ned Otto
        Pascal Quentin Rufus Silas Toby Ulric Victor Wilbur Yuri Ziggy Amos Bruno Chester Dexter Eddie
        Finn Gilbert Henry Ivan Jonas Kurt Linus Moss Nico Oscar Percy Robin Sam Theo Vince Walter
        Bertie Rolo Hal Tadpole""".split(),
}  # fmt: skip
FAMILY = [
    ("Mama", "she"), ("Papa", "he"), ("Grandma", "she"), ("Grandpa", "he"), ("Auntie", "she"),
]  # fmt: skip

SETTINGS: list[dict[str, str]] = [
    {
        "name": "forest",
        "at": "in the forest\nin <place:place> Forest\namong the old trees",
        "to": "into the forest\ndeep into the woods\nto the clearing",
        "way": "along the mossy path\nbetween the tall pines\nover the roots and ferns\npast the
            hollow oak\ndown the shady trail",
        "den": "in a snug den under an oak\nin a hollow log lined with moss\nbeneath the roots of a
            beech tree\nbehind a curtain of ivy",
        "spot": "under a pile of leaves\nbehind a mossy log\ninside a hollow stump\nbeneath the
            blackberry bushes\nbetween the roots of an oak\nbeside the ferns\nnear the anthill",
        "sight": "(acorns|pine cones) dropped softly from the branches\na woodpecker tapped high
            above\nsunlight fell in stripes between the trunks\nthe leaves whispered overhead\nmoths
            danced over the ferns",
        "animals": "fox bear badger hedgehog squirrel mole raccoon hare chipmunk",
    },
    {
        "name": "farm",
        "at": "on the farm\non <place:place> Farm\nat the edge of the wheat fields",
        "to": "to the barn\nout to the far field\nto the orchard",
        "way": "across the muddy yard\nalong the stone wall\npast the scarecrow\nthrough the wheat
            \nbetween the haystacks",
        "den": "in a warm corner of the barn\nbehind the hen house\nunder the hayloft stairs",
        "house": "in a farmhouse with a crooked chimney\nin a white house beside the barn\nin a
            little cottage behind the orchard",
        "spot": "under the hay\nbehind the milk cans\ninside the empty trough\nbeneath the tractor
            \nbeside the pumpkin patch\nnear the duck pond\nbetween two sacks of corn",
        "sight": "hens scratched in the dust\nthe windmill turned lazily\ncows mooed by the gate\nthe
            smell of hay filled the air\nswallows swooped around the barn",
        "animals": "puppy kitten rabbit mouse hedgehog ferret mole rat",
    },
    {
        "name": "sea",
        "at": "by the sea\nat <place:place> Bay\nbeside the harbor",
        "to": "down to the beach\nto the harbor\nto the end of the pier",
        "way": "along the wet sand\nover the dunes\npast the fishing boats\nacross the pebbles\naround
            the rock pools",
        "den": "in a dry cave above the tide\nunder an upturned boat\namong the dunes",
        "house": "in a blue house near the lighthouse\nin a cottage that smelled of salt\nabove the
            fish shop",
        "spot": "under an old net\nbehind a heap of seaweed\ninside a wooden crate\nbetween two
            slippery rocks\nbeneath the pier\nbeside a rock pool\nnear the rowing boats",
        "sight": "gulls wheeled and squawked\nthe waves hissed over the pebbles\na far ship blew its
            horn\nthe sails flapped in the breeze\nthe tide crept in",
        "animals": "otter kitten puppy mouse rat rabbit monkey raccoon",
    },
    {
        "name": "village",
        "at": "in a quiet village\nin the village of <place:place>\nat the foot of a green hill",
        "to": "to the village square\nto the market\nto the green",
        "way": "down the cobbled lane\npast the bakery\nover the little bridge\nalong the row of
            cottages\nthrough the churchyard gate",
        "den": "behind the baker's oven\nunder the village hall\nin a cozy attic",
        "house": "in a cottage with a thatched roof\nin a narrow house with yellow shutters\nnext
            door to the bakery",
        "spot": "under a market stall\nbehind the water pump\ninside an empty barrel\nbeneath the
            bench\nbeside the well\nnear the bakery door\nbetween two flower pots",
        "sight": "the church bell rang\nbread was baking somewhere\nthe weathervane creaked\npigeons
            cooed on the roof\nneighbors chatted over their fences",
        "animals": "kitten puppy mouse hedgehog rabbit squirrel ferret",
    },
    {
        "name": "river",
        "at": "by the river\non the banks of the <place:place> River\nwhere the river bends",
        "to": "down to the river\nto the stepping stones\nto the old mill",
        "way": "along the river bank\nthrough the tall reeds\nover the stepping stones\npast the water
            mill\nunder the willows",
        "den": "in a burrow in the river bank\nin a tidy lodge of sticks\nunder a weeping willow",
        "house": "in an old mill with a dripping wheel\non a green houseboat\nin a hut beside the
            ferry",
        "spot": "under the willow\nbehind the reeds\ninside a broken basket\nbeneath the wooden bridge
            \nbeside the mill wheel\nbetween the stepping stones\nnear the lily pads",
        "sight": "dragonflies hovered over the water\na fish jumped with a plop\nthe reeds rustled
            \nthe mill wheel splashed round and round\nfrogs croaked in the shallows",
        "animals": "otter beaver mole rat mouse badger hedgehog raccoon",
    },
    {
        "name": "mountain",
        "at": "high in the mountains\non <place:place> Mountain\nin a green valley between two peaks",
        "to": "up to the ridge\nto the high meadow\nto the shepherd's hut",
        "way": "up the rocky track\nbeside the waterfall\nacross the swaying bridge\nbetween the
            boulders\npast the shepherd's hut",
        "den": "in a cave behind the waterfall\nin a burrow below the ridge\namong warm gray boulders",
        "house": "in a wooden cabin under the peak\nin a stone house with a red door\nin the highest
            hut of the valley",
        "spot": "under a flat stone\nbehind the woodpile\ninside a shallow cave\nbeneath a twisted
            pine\nbeside the waterfall\nbetween two boulders\nnear the goat pen",
        "sight": "an eagle circled above the peaks\ngoat bells clinked far below\nthe waterfall
            thundered\nclouds drifted through the valley\nthe snowy tops turned pink",
        "animals": "bear marmot hare fox lynx wolf badger squirrel",
    },
    {
        "name": "meadow",
        "at": "in a wide meadow\nin <place:place> Meadow\namong the buttercups",
        "to": "to the top of the hill\nto the sunny side of the meadow\nto the stream",
        "way": "through the long grass\nover the stile\nacross the clover\nalong the hedge\nbeside the
            stream",
        "den": "in a burrow under the hedge\nin a round nest of grass\nbelow a heap of warm stones",
        "spot": "under a dock leaf\nbehind the hedge\ninside a rabbit hole\nbeneath the wild roses
            \nbeside the stream\nbetween the molehills\nnear the beehive",
        "sight": "bees hummed in the clover\nbutterflies fluttered by\nthe grass swayed like water
            \na lark sang out of sight\ncrickets chirped",
        "animals": "rabbit mouse hare mole hedgehog fox weasel badger",
    },
    {
        "name": "town",
        "at": "in a busy town\nin the middle of <place:place>\non a noisy street",
        "to": "to the park\nto the library\nto the corner shop",
        "way": "down the crowded sidewalk\nacross the square\npast the bus stop\naround the fountain
            \nalong the park railings",
        "den": "in a box behind the toy shop\nunder the park bandstand\nin the attic of the library",
        "house": "in a tall brick house\nin an apartment above the toy shop\nat number nine, Lantern
            Street",
        "spot": "under a park bench\nbehind the mailbox\ninside a flower box\nbeneath the slide
            \nbeside the fountain\nbetween two parked bicycles\nnear the bus stop",
        "sight": "trams rattled by\nthe fountain splashed\na street fiddler played\nthe lamps blinked
            on one by one\nshopkeepers swept their steps",
        "animals": "kitten puppy mouse squirrel rat raccoon",
    },
    {
        "name": "snow",
        "at": "in the snowy north\nin the white valley of <place:place>\nbeside a frozen lake",
        "to": "to the frozen lake\nout onto the snow\nto the ice bridge",
        "way": "across the crunchy snow\nbetween the icicles\nover the frozen stream\nthrough the
            drifts\npast the snowy firs",
        "den": "in a warm snow cave\nin a deep burrow under the drifts\nbehind a wall of icicles",
        "house": "in a log cabin with a smoking chimney\nin a round hut of turf and stone",
        "spot": "under the sled\nbehind a snowdrift\ninside an ice cave\nbeneath a bent fir\nbeside
            the frozen lake\nbetween two blocks of ice\nnear the woodshed",
        "sight": "snowflakes twirled down\nthe ice creaked and sang\ngreen lights shimmered in the
            sky\nthe firs wore white hats\nfrost sparkled everywhere",
        "animals": "bear fox hare wolf puppy lynx ermine",
    },
    {
        "name": "jungle",
        "at": "in a steamy jungle\nin the jungle of <place:place>\nwhere the vines grow thick",
        "to": "to the banana grove\ninto the jungle\nto the big pool",
        "way": "under the dripping leaves\nalong a fallen trunk\nover the tangled roots\nthrough the
            bamboo\nbeside the muddy creek",
        "den": "in a nest of giant leaves\nin a dry cave behind the vines\nunder a banyan tree",
        "spot": "under a banana leaf\nbehind the bamboo\ninside a coconut shell\nbeneath the hanging
            vines\nbeside the pool\nbetween the roots of a fig tree\nnear the termite mound",
        "sight": "parrots screeched with laughter\nwarm rain dripped from the vines\nblue butterflies
            drifted past\nmonkeys chattered far away\nan orchid opened in the shade",
        "animals": "monkey tiger panda mongoose leopard lemur",
    },
]  # fmt: skip

TABLES = {
    # thing: tags lose, break, share, found; `part` comes off or splits; use is a verb phrase
    "things": """
noun / looks / number / tags / part / use / where
kite / (red|yellow|striped|paper) / one / lose break share / tail / fly {x.them} on windy days / any
drum / (little|tin|wooden) / one / break share / skin / tap {x.them} before breakfast / any
lantern / (brass|tin|green) / one / lose break found / handle / carry {x.them} on evening walks / any
scarf / (blue|woolen|long) / one / lose share found / hem / wear {x.them} everywhere / any
mittens / (warm|knitted|purple) / many / lose found / cuffs / wear {x.them} on cold mornings / any
whistle / (silver|tin|wooden) / one / lose share found / cord / blow {x.them} at noon / any
boat / (toy|blue|little) / one / lose break share / mast / sail {x.them} in puddles / any
horse / (wooden|painted|toy) / one / lose break share / leg / gallop {x.them} around the room / any
doll / (rag|tiny|patched) / one / lose break share / arm / tell {x.them} stories / any
marbles / (glass|green|shiny) / many / lose share found / bag / roll {x.them} down the path / any
spyglass / (brass|old|short) / one / lose break found / strap / watch the stars through {x.them} / any
flute / (bamboo|wooden|silver) / one / lose share found / cord / play {x.them} at sunset / any
basket / (wicker|round|willow) / one / break found / handle / fill {x.them} with berries / any
umbrella / (yellow|spotted|huge) / one / lose break share / handle / twirl {x.them} in the rain / any
wagon / (red|wooden|squeaky) / one / break share / wheel / pull {x.them} up and down / any
puppet / (dragon|clown|velvet) / one / lose break share / string / make {x.them} dance / any
ball / (bouncy|leather|orange) / one / lose share / seam / bounce {x.them} against the wall / any
book / (picture|dusty|blue) / one / lose share found / cover / read {x.them} by candlelight / any
blanket / (soft|patchwork|fuzzy) / one / lose share / corner / sleep under {x.them} / any
boots / (rubber|red|furry) / many / lose / laces / stomp through puddles in {x.them} / any
locket / (gold|tiny|heart-shaped) / one / lose found / chain / polish {x.them} on Sundays / any
bell / (copper|little|cracked) / one / lose found break / clapper / ring {x.them} at sunrise / any
teapot / (china|round|flowery) / one / break / spout / pour mint tea from {x.them} / any
fiddle / (old|cherry-wood|little) / one / break share found / bow / play {x.them} after supper / any
compass / (pocket|brass|curious) / one / lose found / lid / follow {x.them} around / any
crown / (paper|golden|play) / one / lose share / rim / play kings and queens with {x.them} / any
sled / (wooden|fast|green) / one / break share / runner / race downhill on {x.them} / snow mountain
skates / (old|silver|leather) / many / lose found / straps / glide over the ice on {x.them} / snow
bucket / (tin|red|little) / one / break share / handle / dig for shells with {x.them} / sea
swing / (rope|wooden|creaky) / one / break share / rope / soar over the grass on {x.them} / any
jump rope / (long|striped|braided) / one / lose share / handle / skip with {x.them} until dusk / any
paint box / (wooden|tidy|new) / one / lose share found / lid / paint sunsets with {x.them} / any
watering can / (dented|tin|green) / one / break found / spout / water the beans with {x.them} / any
hat / (straw|floppy|feathered) / one / lose share found / brim / show {x.them} off at parties / any
""",
    "plots": """
name / helper / thing / stranger
lost / f e / lose / -
mistake / g / - / -
mend / e / break / -
fear / f g / - / -
share / f / share / -
wish / s / - / wisher
stranger / s / - / -
contest / r / - / -
storm / f / - / -
secret / f / - / -
learn / e / - / -
visit / g / - / -
found / s / found / -
rescue / f / - / -
grow / g / - / -
newcomer / s / - / -
greedy / f / - / -
disobey / e g / - / -
noise / f / - / -
gift / g / - / -
heavy / s / - / tiny
prank / e / - / -
""",
    # the hero broke `item` while `doing`; they mend it with `glue` and it is `after`
    "treasure": """
item / doing / crack / mend / after
blue vase / (chasing a bumblebee|dancing on one leg) / (broke into three pieces|cracked down the
    side) / glued the pieces together / held one brave daisy
honey jar / reaching for the top shelf / smashed on the floor / swept up and wiped the sticky boards /
    had a clean new jar beside the gap
clock / (playing pirates|swinging a broom like a sword) / stopped with a sad twang / turned the little
    wheels until they clicked / ticked louder than before
teacup / (balancing dishes|pretending to be a waiter) / lost its handle / stuck the handle back on /
    held pencils instead of tea
spectacles / (trying to look wise|playing teacher) / lost one round glass / pressed the glass back
    into its frame / sat a little crooked
garden gate / swinging on the latch / fell off its hinge / screwed the hinge back on / opened without
    a single squeak
picture frame / bouncing on the bed / fell and split at the corner / tapped in four small nails / hung
    straight on the wall
flower pot / kicking a ball indoors / tipped over and cracked / planted the geranium in a tin /
    stood in the sunniest window
rocking chair / (rocking far too hard|playing wild ponies) / snapped at one runner / bound the runner
    with cord / rocked as gently as a cradle
birdhouse / throwing pebbles at a post / split across the roof / nailed on a new roof / welcomed a
    family of sparrows
""",
    # afraid of what; `need` is why it must be faced; `step` what helped; `proof` the end
    "fear": """
what / sign / need / step / proof
the dark / slept with three candles burning / the last candle went out, and the matches were in the
    cellar / counted the steps aloud / found that the dark was full of quiet, friendly things
deep water / never went in past {h.their} knees / a duckling was drifting away on a plank / held a log
    and kicked / reached the plank and pushed it safely to land
thunder / hid under the table at every rumble / the barn door was banging open in the storm / sang
    louder than each clap / closed the door and even waved at the lightning
high places / would not climb a single rung / a baby bird had fallen onto a high ledge / looked only
    at the next step / stood at the very top and saw the whole world
speaking in a crowd / hid behind {g.n} whenever visitors came / someone had to ring the bell and warn
    everybody of a flood / looked at one kind face / spoke so clearly that all of them heard
spiders / screamed at every cobweb / a small spider was caught in the soap suds / watched it from far
    off, then a little nearer / lifted it out on a leaf and wished it well
the big dog next door / walked the long way around / the dog had its collar caught in the fence /
    talked in a soft voice / freed the dog, which licked {h.them} from chin to ear
the wobbly bridge / had never crossed the water / the doctor lived on the other side, and {g.n} had a
    fever / held the rope and breathed slowly / came back over it with the medicine
strangers / looked at the ground all day / a lost traveler needed someone to show the road / said
    hello first / chatted all the way to the crossroads
the attic / heard monsters in every creak / the winter blankets had to be fetched / named each noise
    out loud / met nothing up there except one sleepy bat
""",
    # a wish, what it seemed, three troubles it brings
    "wish": """
want / good / bad / worse / lesson
to be as tall as a tower / looked into the nests and waved at the clouds / bumped {h.their} head on
    every branch / nobody could hear {h.them} from so high up / the right size is the size you are
that it would never be bedtime / played by moonlight until the owls yawned / grew so tired that
    {h.they} put soup in {h.their} shoes / all {h.their} friends were fast asleep / rest makes play
    sweeter
that everything {h.they} touched would turn to candy / nibbled the table and licked the door / longed
    for plain bread / {h.their} pillow was a sticky lump of toffee / too much of a treat is no treat
to fly like a bird / looped over the rooftops / could not come down for supper / the wind carried
    {h.them} far from home / it is good to have your feet on the ground
to be invisible / tickled noses and stole no less than six cookies / was sat on twice / nobody noticed
    when {h.they} cried / being seen by those you love is a gift
for winter to last all year / built forty snowmen / shivered all through July / the birds had nothing
    to eat / every season has its turn
never to be told what to do / ate pudding for breakfast / lost {h.their} way because nobody gave
    directions / no one said good night either / rules can be a kind of love
for a mountain of toys / opened boxes from dawn till noon / could not find {h.their} own bed / there
    was no room left for a friend to sit / a shared toy is worth a hundred lonely ones
to talk louder than anyone / called hello across three hills / woke every baby for miles / {h.their}
    friends ran away with covered ears / a soft voice is heard best
to be a grown-up at once / wore a long coat and gave orders / had to add up sums all day / nobody
    asked {h.them} to play / growing takes time for a reason
""",
    "contest": """
event / practice / boast / mishap / goal / win
the big race / ran around the field before dawn / I am as fast as lightning / tripped and twisted an
    ankle / the finish line / crossed the line
the pie contest / baked eleven burnt pies and one good one / My crust is as light as a cloud / dropped
    a whole tray of pastry / the judges' table / served the tastiest slice
the singing contest / practiced scales in the bathtub / My voice makes roses bloom / began to cough
    and could not stop / the stage / sang the clearest note
the kite contest / tied and untied a hundred knots / My kite will touch the moon / let go of the
    string by accident / the flying field / flew the highest
the raft race / paddled until {h.their} arms ached / My raft could cross an ocean / hit a rock and
    began to sink / the last bend / floated home ahead
the snail race / fed lettuce to a snail called Thunder / My snail eats rockets / lost a snail in the
    long grass / the chalk line / cheered the quickest snail
the spelling bee / spelled every word in the kitchen / I was born with a dictionary in my bed / forgot
    a word and turned red / the final round / spelled the longest word
the tower contest / stacked stones and sticks all week / My tower will scrape the sky / leaned too far
    and brought a tower down / the last brick / built the tallest tower
the dancing contest / twirled until the room spun / My feet have wings / ripped a dancing shoe / the
    last song / danced the merriest jig
the pumpkin show / watered a pumpkin at dusk and dawn / My pumpkin needs its own house / let a pumpkin
    roll off the cart / the weighing scale / brought the heaviest pumpkin
""",
    "danger": """
what / cry / first / rescue / after
a nest of baby birds / The nest is going to fall / held the branch still with both {h.hands} / carried
    the nest to a sheltered nook / the mother bird sang on the doorstep
the little bridge / The bridge is breaking up / piled stones around the posts / tied it fast with a
    rope / travelers crossed it without wet feet
a family of ducklings / The ducklings are being washed away / made a line from bank to bank / scooped
    them up in a hat / seven ducklings marched past in a row
the market tent / The tent is blowing away / sat on the flapping edge / knotted the ropes around a
    tree / the baker brought hot rolls to say thanks
the scarecrow / The scarecrow is flying / chased its straw legs / tied it upright with a vine / the
    scarecrow wore a flower in its hat
a stray lamb / There is a lamb out there / followed the sound of bleating / wrapped the lamb in a coat
    / the lamb slept by the stove
the ferryman's boat / The boat has slipped its rope / waded in and grabbed the bow / hauled it up onto
    the grass / the ferryman gave free rides all week
the beehive / The hive has tipped over / spoke calmly to the bees / set it upright behind a wall / the
    bees left a comb of honey by the door
""",
    "skill": """
do / fail / tip / practice / show
swim / sank like a spoon / Lie back and let the water carry you / floated first, then kicked, then
    paddled / swam all the way around the island
whistle / blew nothing but spit / Make your lips as small as a pea / puffed and puffed on the way to
    bed / whistled a tune that made the birds look up
juggle / dropped apples on {h.their} own toes / Start with one, then add another / tossed one apple,
    then two, then three / kept four apples in the air
skip stones / threw one that sank with a plunk / Choose a flat one and bend low / tried flat stones and
    round stones and heavy stones / skipped a stone seven times
ride a bicycle / fell into the nettles / Look far ahead, not at the wheel / wobbled a little less each
    day / rode past everyone, ringing the bell
bake bread / made a loaf as hard as a brick / Give the dough time to rise / kneaded and waited, kneaded
    and waited / baked a golden loaf that steamed
tie knots / tied {h.their} own {h.hands} together / Over, under, and through / tied every string in the
    house / tied a bow that held all winter
climb trees / slid down with bark in {h.their} hair / Three limbs hold while one limb moves / climbed
    one branch higher each morning / touched the topmost twig
read / saw only squiggles / Listen for the first sound of every word / read signs and labels and seed
    packets / read a whole story aloud
dance / stepped on everybody's toes / Hear the drum inside the song / hopped and turned in the empty
    kitchen / danced until the musicians clapped
knit / made a sock with two heels / Count each stitch like a little step / knitted and unraveled the
    same row / finished a hat with a tassel
play the flute / made a noise like an angry goose / Breathe from your belly, slowly / played one note a
    day until it was pure / played a lullaby that hushed the room
""",
    "stuck": """
who / where / bad / clever / tool
a baby goat / in a deep ditch / jumped and slid back again / laid branches in the ditch like a
    ladder / a bundle of branches
a small turtle / upside down between two rocks / kicked all four legs at the sky / tipped it over with
    a long pole / a pole
a sparrow / in a tangle of string / fluttered and got more tangled / bit through the string one strand
    at a time / sharp teeth and patience
a fluffy duckling / in an empty barrel / peeped until it was hoarse / filled the barrel with water so
    that it floated up / six buckets of water
a young fawn / in the thick mud / sank a little with every kick / slid a wide board under its belly / a
    board
a fat beetle / in a jar / climbed the glass and slid down / leaned a twig inside the jar / one thin
    twig
a lost kid goat / on a narrow ledge / bleated and would not look down / coaxed it with a trail of
    clover / a pocket of clover
a gray owl chick / in a chimney / coughed out clouds of soot / lowered a basket on a cord / a basket on
    a cord
a little frog / at the bottom of a well / leaped and splashed back down / let down the bucket and
    waited / the old well bucket
a striped kitten / at the top of a pole / clung on and wailed / stacked crates into a stair / five
    apple crates
""",
    "crop": """
seed / slow / care / harvest / food
a pumpkin seed / nothing but dirt / carried water in a tin cup / a pumpkin as round as the moon /
    pumpkin soup
a sunflower seed / one pale shoot / pulled the weeds away / a flower taller than a door / roasted seeds
a bean / a crack in the soil / built a frame of sticks / beans hanging like green fingers / bean stew
a strawberry plant / three tiny leaves / tucked straw around the roots / berries as red as ribbons /
    strawberry jam
an apple pip / a twig with no leaves / kept the rabbits off with a fence / one perfect apple / apple
    tart
a carrot seed / a feathery wisp / thinned the row and watered it / carrots as long as an arm / carrot
    cake
a potato with one eye / a bare hill of earth / heaped up the soil / a dozen potatoes / buttery potatoes
a melon seed / a curly vine / turned the leaves to the sun / a melon that needed a wheelbarrow / cool
    slices of melon
a tomato seed / a stalk as thin as thread / tied the stalk to a stake / fat red tomatoes / tomato pie
a kernel of corn / a single blade / chased off the crows / ears of yellow corn / popcorn
""",
    "food": """
dish / many / pain / left
blueberry pie / three whole slices / {h.p} belly groaned like a door / the smallest crust
honey / spoon after spoon / {h.p} tongue stuck to {h.their} teeth / one last drop
cherries / the whole bowl, stones and all / {h.p} stomach rumbled like a cart / two wrinkled cherries
pancakes / eleven pancakes in a row / {h.n} could not stand up / half a cold pancake
plums / every ripe plum on the tree / {h.p} tummy twisted into knots / a green plum
gingerbread / the roof and walls of a gingerbread house / {h.n} turned as green as a pea / the
    gingerbread door
nuts / all the nuts in the winter jar / {h.n} rolled on the floor and moaned / an empty shell
cream / a jug to the very bottom / {h.n} hiccuped for an hour / a thin white ring
raisin buns / buns from both trays / {h.n} felt as heavy as a stone / some crumbs
peaches / one peach after another / {h.p} middle was as tight as a drum / a single stone
""",
    "forbidden": """
place / why / lure / trouble / out
the old quarry / the stones there are loose / a glittering rock / the ground slid away under
    {h.their} feet / let down a rope
the frozen pond / the ice is thin in spring / a smooth, shiny slope / the ice cracked with a bang /
    lay flat and held out a branch
the bramble tunnel / nobody can turn around inside / the fattest berries / the thorns caught
    {h.them} on every side / cut a way in with shears
the tall reeds / all the paths look alike there / a bright blue feather / every way led back to the
    same puddle / rang a bell until {h.they} could follow the sound
the empty mill / the floor is rotten / a swinging rope / a board broke and {h.their} leg went through
    / lifted the boards away
the far rocks / the tide comes in fast / a pool of starfish / the water closed in on all sides / came
    by in a little boat
the steep hill / it is slick after rain / a rainbow at the top / {h.they} slid and slid into a pit
    / dropped a knotted vine
the dark cave / it twists like a snail shell / a sparkle deep inside / the light was gone and every
    turn looked wrong / came in with a lamp and a ball of string
""",
    "noise": """
sound / guess / truth / because
tap, tap, tap / a skeleton knocking on the wall / a branch against the window / the wind was pushing it
scratch, scratch / a goblin sharpening its claws / a hungry hedgehog at the door / it smelled the
    supper crumbs
hoo, hoo / a ghost calling its friends / the wind in an empty bottle / someone had left it on the sill
drip, drop, drip / a dragon licking its lips / a leaky bucket / it hung under the rain pipe
thump, thump / a giant climbing the hill / a rabbit drumming its foot / it was keeping its feet warm
squeak, squeak / a witch rolling her cart / the weathervane on the roof / it wanted a drop of oil
rustle, rustle / a snake as long as a river / a mouse making a paper nest / winter was coming
clink, clank / a pirate counting gold / two tin cups on a string / the breeze rocked them together
grumble, grumble / a troll under the floor / a toad with the hiccups / it had swallowed a fly too fast
flap, flap / a vampire at the window / a shirt on the clothesline / nobody had brought it in
""",
    "gift": """
idea / make / flaw / love
a necklace of shells / threaded the shells one by one / two shells were chipped / wore it to the feast
a painting of the house / painted every window and door / the chimney leaned like a tired giant / hung
    it above the fire
a clay cup / pinched and smoothed the clay / it leaned to one side / drank from it every morning
a song with three verses / hummed it over and over / the last line did not rhyme / asked to hear it
    twice
a cushion stuffed with feathers / sewed all four sides / one corner leaked / took a nap on it right away
a walking stick / rubbed the wood until it was smooth / it had a bend in the middle / took it along on
    the very next walk
a bunch of wildflowers / picked one of every color / half of them drooped / set them in the best jug
a bookmark of pressed leaves / pressed the leaves under a brick / a leaf had crumbled / tucked it into
    a favorite book
a lopsided cake / stirred until {h.their} arms ached / the middle had sunk / asked for a second slice
a wooden spoon / carved for three evenings / it was rather short / stirred the soup with it at once
""",
    "load": """
what / why / stuck / how
a giant turnip / for the harvest soup / would not leave the ground / rocked it from side to side
a fallen tree / off the only road / lay there like a sleeping whale / rolled it on round sticks
a cart of firewood / up to the cold schoolhouse / sank to its axles / pushed on the count of three
a huge snowball / to finish the snowman / sat at the foot of the slope / leaned in with their shoulders
a piano / to the party / jammed in the doorway / turned it on its side and slid it
a great bronze bell / back to the tower / hung like an anchor / pulled the rope all together
a boulder / away from the spring / did not budge an inch / pushed a long beam beneath it
an old rowboat / down to the water / was stuck fast in the sand / slid it over wet logs
a barrel of apples / up the cellar steps / kept rolling back / tugged from above and shoved from below
""",
    "new": """
odd / doubt / talent / use
spoke with a strange accent / Nobody understands a word / knew songs from far away / taught them all a
    round
wore a coat of a hundred patches / What a silly coat / could mend anything with a needle / sewed up the
    torn tent before the rain
never came out by day / Maybe it is something spooky / knew every star by name / led them home by
    starlight
walked with a crutch / That is too slow for our games / threw farther than anyone / hit the can on the
    first try
talked to nobody at all / How rude / drew pictures as fine as lace / drew each of them a portrait
ate pickles for breakfast / That smells funny / cooked like a king / stirred up a stew that nobody
    could resist
carried a pet snail everywhere / Who would want a snail / could tell the weather in advance / warned
    them in time about the hail
laughed with a loud snort / What a noise / told jokes that made stones giggle / cheered up the whole
    party
""",
}

PRODUCTIONS = {}
